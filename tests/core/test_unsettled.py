import pytest
from core.made import in_runs
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.ledger import Unsettled
from masivo_stream.model.entries import Entries, one_by_one
from masivo_stream.model.results import Entry


def entry(line):
    return Entry(file="f", line=line, offset=0, length=1, body=b"{}", customer="c", items=1, record_items=1)


@given(st.data())
def test_a_position_is_unsettled_until_it_is_released(data):
    unsettled, model, batches = Unsettled(), [], []
    for _ in range(data.draw(st.integers(0, 12))):
        if batches and data.draw(st.booleans()):
            batch = batches.pop(data.draw(st.integers(0, len(batches) - 1)))
            if data.draw(st.booleans()):
                unsettled.remove(batch)
                gone = batch
            else:  # a part of it, the rest goes on as a batch of its own
                cut = data.draw(st.integers(0, len(batch)))
                gone, left = batch[:cut], Entries(batch[cut:])
                unsettled.remove(list(gone))
                batches.extend([left] if left else [])
            for each in gone:
                model.remove(each)
        else:
            number = data.draw(st.integers(1, 4))
            alike = [entry(1) for _ in range(number)]  # all of them equal
            batch = Entries(data.draw(st.sampled_from([alike, in_runs(map(entry, range(1, number + 1)))])))
            unsettled.add(batch)
            batches.append(batch)
            model += batch
        assert sorted(one_by_one(unsettled), key=repr) == sorted(model, key=repr)
        assert bool(unsettled) == bool(model)


def test_an_absent_position_cannot_be_released():
    unsettled = Unsettled()
    unsettled.add(Entries([entry(1)]))
    with pytest.raises(KeyError):
        unsettled.remove([entry(1)])
