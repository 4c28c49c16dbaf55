"""The error budget as a person writes it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.contract import Kind
from masivo_stream.model.max_dead import MaxDead, parse_max_dead, parse_max_deads

percentages = st.decimals(0, 100, places=3).map(lambda each: Decimal(f"{each:f}"))
budgets = st.builds(MaxDead, st.integers(0, 10**9).map(Decimal), kind=st.none() | st.sampled_from(Kind)) | st.builds(
    MaxDead, percentages, percent=st.just(True), kind=st.none() | st.sampled_from(Kind)
)


@given(budgets)
def test_a_budget_is_read_as_it_is_written(budget):
    """The report shows it in this spelling."""
    assert parse_max_dead(str(budget)) == budget


@given(st.lists(budgets, min_size=1, max_size=4))
def test_several_budgets_are_separated_by_commas(several):
    """As in an environment variable."""
    assert parse_max_deads(", ".join(map(str, several))) == tuple(several)


def test_the_word_none_removes_a_budget():
    """It takes one back that a file of settings has."""
    assert parse_max_deads(" None ") == ()


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "100.1%", "5 %%", "orders=3", "customers", "=3", "1e3", "٣"])
def test_anything_else_is_refused(text):
    """With an example of what is right."""
    with pytest.raises(ValueError, match="customers=10"):
        parse_max_dead(text)
