import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.unsettled import Unsettled
from masivo_stream.model.record import Entry


def entry(line):
    return Entry(file="f", line=line, offset=0, length=1, body=b"{}", customer="c", items=1, record_items=1)


@given(st.data())
def test_what_was_taken_up_and_not_let_go_is_there(data):
    unsettled, model, batches = Unsettled(), {}, []
    for _ in range(data.draw(st.integers(0, 12))):
        if batches and data.draw(st.booleans()):
            batch = batches.pop(data.draw(st.integers(0, len(batches) - 1)))
            if data.draw(st.booleans()):
                unsettled.remove(batch)
                gone = batch
            else:  # a part of it, the rest goes on as a batch of its own
                cut = data.draw(st.integers(0, len(batch)))
                gone, left = batch[:cut], batch[cut:]
                unsettled.remove(list(gone))
                batches.extend([left] if left else [])
            for each in gone:
                del model[id(each)]
        else:
            batch = tuple(entry(1) for _ in range(data.draw(st.integers(1, 4))))  # all of them equal
            unsettled.add(batch)
            batches.append(batch)
            model |= {id(each): each for each in batch}
        assert {id(each) for each in unsettled} == set(model)
        assert len(list(unsettled)) == len(model)
        assert bool(unsettled) == bool(model)


def test_what_is_not_there_cannot_be_let_go():
    unsettled = Unsettled()
    unsettled.add((entry(1),))
    with pytest.raises(KeyError):
        unsettled.remove([entry(1)])
