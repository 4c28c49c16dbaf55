import msgspec
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.summary import KindSummary

OUTCOMES = ("blank", "accepted", "dead", "skipped", "in_doubt", "pending")
ITEM_OUTCOMES = ("items_accepted", "items_dead", "items_skipped", "items_in_doubt", "items_pending")
ALL_OUTCOMES = (*OUTCOMES, *ITEM_OUTCOMES)

counts = st.integers(0, 1000)


@given(
    st.fixed_dictionaries(dict.fromkeys(ALL_OUTCOMES, counts)),
    st.sampled_from(ALL_OUTCOMES),
)
def test_figures_add_up_exactly_if_nothing_is_missing(figures, name):
    """Every record and every item has one outcome; one too many or too few anywhere is noticed."""
    read = sum(figures[outcome] for outcome in OUTCOMES)
    items = sum(figures[outcome] for outcome in ITEM_OUTCOMES)
    summary = KindSummary(read=read, items_read=items, **figures)
    assert summary.closes
    assert not msgspec.structs.replace(summary, **{name: figures[name] + 1}).closes
