from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.sending.refusal_limits import IN_A_ROW, SYSTEMATIC, Refusals
from masivo_stream.model.errors import ExitCode

NO_CUSTOMER = frozenset()


def test_a_fault_of_the_whole_export_is_found_early_and_quoted():
    """Nothing was ever accepted, and all say the same."""
    refusals = Refusals(1000, uploaders=1)
    assert [refusals.refused(422, "no such programme", NO_CUSTOMER) for _ in range(SYSTEMATIC - 1)] == [None] * (
        SYSTEMATIC - 1
    )
    halt = refusals.refused(422, "no such programme", NO_CUSTOMER)
    assert (halt.exit_code, "no such programme" in halt.why) == (ExitCode.DENIED, True)


def test_different_messages_may_be_about_records_and_are_not_quoted():
    """They may quote one; then it takes longer to be sure."""
    refusals = Refusals(1000, uploaders=1)
    halts = [refusals.refused(422, f"Ana {number}", NO_CUSTOMER) for number in range(IN_A_ROW)]
    assert halts[:-1] == [None] * (IN_A_ROW - 1)
    assert "Ana" not in halts[-1].why


@given(st.booleans())
def test_once_something_was_accepted_it_takes_longer(before):
    """In this process or in one before."""
    refusals = Refusals(1000, uploaders=1, accepted_before=before)
    if not before:
        refusals.accepted()
    assert [refusals.refused(422, "no", NO_CUSTOMER) for _ in range(IN_A_ROW - 1)] == [None] * (IN_A_ROW - 1)
    refusals.accepted()
    assert refusals.refused(422, "no", NO_CUSTOMER) is None


@given(st.integers(1, 40), st.lists(st.booleans(), max_size=200))
def test_the_run_stops_at_the_budget_of_refusals(budget, answers):
    """However many are accepted in between; without a budget, only refusals in a row stop the run."""
    bounded, free = Refusals(budget, uploaders=1), Refusals(0, uploaders=1)
    refused = row = 0
    for accepted in answers:
        if accepted:
            bounded.accepted()
            free.accepted()
            row = 0
            continue
        refused, row = refused + 1, row + 1
        halt = bounded.refused(422, str(refused), NO_CUSTOMER)
        assert (halt is not None) == (refused >= budget or row >= IN_A_ROW)
        assert (free.refused(422, str(refused), NO_CUSTOMER) is not None) == (row >= IN_A_ROW)


def test_messages_that_may_be_about_one_customer_are_not_quoted():
    """All requests refused were about one: the words may quote that one."""
    refusals = Refusals(1000, uploaders=1)
    halts = [refusals.refused(422, "ana@example.com is unknown", frozenset({"c1"})) for _ in range(SYSTEMATIC)]
    assert halts[-1] is not None
    assert "ana" not in halts[-1].why


def test_each_uploader_may_be_isolating_a_bad_record_of_its_own():
    """The more uploaders there are, the later it is systematic."""
    refusals = Refusals(1000, uploaders=4)
    halts = [refusals.refused(422, "no", NO_CUSTOMER) for _ in range(4 * SYSTEMATIC)]
    assert [halt is not None for halt in halts].index(True) == 4 * SYSTEMATIC - 1


PAGE = "403 from a firewall or proxy (Server: cloudflare), not from the API"


@given(st.booleans())
def test_a_firewall_that_blocks_every_request_stops_the_run(before):
    """Whether anything was accepted before or not; the message names the sender, the hint not the export."""
    refusals = Refusals(1000, uploaders=1, accepted_before=before)
    halts = [refusals.refused(403, "", NO_CUSTOMER, PAGE) for _ in range(SYSTEMATIC)]
    assert halts[:-1] == [None] * (SYSTEMATIC - 1)
    assert PAGE in halts[-1].why
    assert "firewall" in halts[-1].hint
    assert "export" not in halts[-1].hint


@given(st.lists(st.sampled_from(["accepted", "refused", "page"]), max_size=100))
def test_answers_of_the_api_itself_are_counted(answers):
    """Acceptances and the API's own refusals; any of them ends a row of pages."""
    refusals, row = Refusals(0, uploaders=2), 0
    for answer in answers:
        row = row + 1 if answer == "page" else 0
        if answer == "accepted":
            refusals.accepted()
            continue
        halt = refusals.refused(403, str(row), NO_CUSTOMER, PAGE if answer == "page" else "")
        assert (halt is not None and PAGE in halt.why) == (row >= 2 * SYSTEMATIC)
    assert refusals.answered == sum(answer != "page" for answer in answers)


def test_batches_that_wait_to_be_read_back_count_with_the_uploaders():
    """Until something is accepted, as many as waited at most count with the uploaders."""
    refusals = Refusals(1000, uploaders=2)
    refusals.count_read_backs(3)
    refusals.count_read_backs(1)
    halts = [refusals.refused(422, "no", NO_CUSTOMER) for _ in range(5 * SYSTEMATIC)]
    assert [halt is not None for halt in halts].index(True) == 5 * SYSTEMATIC - 1
    refusals.accepted()
    row = max(IN_A_ROW, 2 * 3 * SYSTEMATIC)
    assert [refusals.refused(422, "no", NO_CUSTOMER) is not None for _ in range(row)].index(True) == row - 1
