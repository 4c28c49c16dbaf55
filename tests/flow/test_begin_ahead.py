import pytest

from masivo_stream.flow.pipeline.begin_ahead import begin_ahead
from masivo_stream.model.errors import InputError


async def numbers(count, failure=None):
    for number in range(count):
        yield number
    if failure is not None:
        raise failure


@pytest.mark.parametrize("ahead", [0, 1, 3, 9])
async def test_pieces_come_in_order_and_some_are_begun_ahead(ahead):
    begun, found = [], []
    async for piece in begin_ahead(numbers(5), lambda number: begun.append(number) or -number, ahead):
        found.append(piece)
        assert begun == list(range(min(5, len(found) + ahead)))
    assert found == [0, -1, -2, -3, -4]


@pytest.mark.parametrize("ahead", [0, 2])
async def test_what_was_read_before_an_error_comes_before_it(ahead):
    broken = InputError("broken", operation="read", place="p", hint="h")
    begun = begin_ahead(numbers(3, broken), abs, ahead)
    assert [await anext(begun) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError) as raised:
        await anext(begun)
    assert raised.value is broken
