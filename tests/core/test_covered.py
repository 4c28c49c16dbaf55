from masivo_stream.core.accounting.spans import cover
from masivo_stream.model.progress import Reference


def part(line: int, *indexes: int, of: int = 5) -> Reference:
    return Reference(0, line, 0, 10, len(indexes), of, indexes)


def whole(line: int) -> Reference:
    return Reference(0, line, 0, 10, 5, 5, None)


def test_parts_add_up_and_a_whole_record_covers_all_items():
    """A record settled in parts is covered item by item; one settled whole, or dead, as a whole."""
    found = cover([part(1, 0, 1), whole(2), part(1, 3)], [(0, 3, None), (0, 4, (2,)), (1, 1, None)])
    assert found == {
        (0, 1): frozenset({0, 1, 3}),
        (0, 2): None,
        (0, 3): None,
        (0, 4): frozenset({2}),
        (1, 1): None,
    }


def test_a_record_left_without_reversed_events_is_whole():
    """What counts is whether everything that was to be sent is in it, not whether its items are named."""
    assert cover([part(1, 0, 2, of=2)], []) == {(0, 1): None}


def test_a_whole_record_covers_its_parts_in_any_order():
    """A dead record of which a part was settled before is covered as a whole."""
    assert cover([part(1, 0)], [(0, 1, None), (0, 1, (1,))]) == {(0, 1): None}
