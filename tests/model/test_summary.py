import msgspec
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.summary import KindSummary

FATES = ("blank", "accepted", "dead", "skipped", "in_doubt", "pending")
ITEM_FATES = ("items_accepted", "items_dead", "items_skipped", "items_in_doubt", "items_pending")

counts = st.integers(0, 1000)


@given(st.fixed_dictionaries(dict.fromkeys((*FATES, *ITEM_FATES), counts)), st.sampled_from([*FATES, *ITEM_FATES]))
def test_figures_close_exactly_if_nothing_is_missing(figures, name):
    """Every record and every item has one outcome; one too many or too few anywhere is noticed."""
    read = sum(figures[fate] for fate in FATES)
    items = sum(figures[fate] for fate in ITEM_FATES)
    summary = KindSummary(read=read, items_read=items, **figures)
    assert summary.closes
    assert not msgspec.structs.replace(summary, **{name: figures[name] + 1}).closes
