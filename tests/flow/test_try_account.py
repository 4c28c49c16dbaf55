"""What the pages leave open is tried in a sandbox that behaves in one way or the other: the answer is right in each."""

import anyio
import pytest

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.commands.check import check
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.try_account import MARK
from masivo_stream.model.account_check import AccountType
from masivo_stream.model.errors import ConfigurationError, ExitCode, MasivoStreamError
from masivo_stream.model.experiments import Experiment, Trials
from masivo_stream.model.window import parse_windows
from masivo_stream.sandbox import SandboxLimits, SandboxOptions, parse_faults, running

DAILY = SandboxLimits(general=parse_windows("1000/d"))
NO_LIMIT = SandboxLimits()
ALL = tuple(Experiment)


async def tried(tmp_path, *wanted, limits=DAILY, anywhere=False, faults=(), **options):
    """Try in a sandbox; return what was found, and the sandbox's ledger."""
    options = SandboxOptions(limits=limits, visible_after=0, faults=parse_faults(faults), **options)
    async with running(options) as served:
        flags = {"base_url": served.url, "shared_dir": str(tmp_path / "shared"), "limit": "none"}
        clock = FakeClock()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.run)
            try:
                found = await check(
                    load_settings(flags=flags),
                    credentials=Credentials(api_key=Secret(options.api_key)),
                    trials=Trials(wanted=wanted, anywhere=anywhere),
                    runtime=Runtime(clock=clock),
                )
            except MasivoStreamError as error:  # kept, because a task group would wrap it
                found = error
            tasks.cancel_scope.cancel()
        if isinstance(found, MasivoStreamError):
            assert set(served.ledger().requests) == {"auth", "read"}
            raise found
        return found, served.ledger()


def answers(found):
    return {each.name.value: each.answer for each in found.tried.answers}


async def test_the_assumptions_of_the_program_hold_in_the_sandbox(tmp_path):
    """All three, in six requests that migrate; two test customers are left behind, and every trial is marked."""
    found, ledger = await tried(tmp_path, *ALL)
    assert answers(found) == {"atomic": "yes", "twice": "yes", "email-case": "yes"}
    assert found.exit_code == ExitCode.COMPLETE
    assert found.account.type is AccountType.DEVELOPMENT
    left, total = found.account.server_quota, sum(sum(each.values()) for each in ledger.requests.values())
    assert left.limit == 1000  # not that of a migration
    assert total - 3 <= left.limit - left.remaining <= total, "what is left is taken from the last answer to a read"
    assert {kind: sum(ledger.requests[kind].values()) for kind in ("customers", "events")} == {
        "customers": 2,
        "events": 4,
    }
    assert set(ledger.customers) == set(found.tried.customers)
    assert all(name.startswith(MARK) for name in found.tried.customers)
    assert len(found.tried.customers) == 2
    reads = sum(ledger.requests["read"].values()) + sum(ledger.requests["auth"].values())
    assert found.tried.requests + 4 == found.account.requests == reads + 6  # four for the check itself
    assert found.tried.revert.startswith(f"masivo-stream revert --from {found.tried.sent_between[0]} --to ")


@pytest.mark.parametrize(
    ("name", "option", "code"),
    [
        (Experiment.ATOMIC, {"refusals": "partial"}, ExitCode.DEAD_LETTERS),
        (Experiment.TWICE, {"same_purchase": "ignored"}, ExitCode.DEAD_LETTERS),
        (Experiment.EMAIL_CASE, {"email_case": "ignored"}, ExitCode.COMPLETE),
    ],
)
async def test_an_account_with_the_opposite_behaviour_is_recognised(tmp_path, name, option, code):
    """An account that behaves in the other way: the answer is no, alone and together with the others."""
    found, _ = await tried(tmp_path, name, **option)
    assert answers(found) == {name.value: "no"}
    assert found.exit_code == code  # nothing is assumed about the case of emails
    found, _ = await tried(tmp_path, *ALL, **option)
    assert answers(found) == {each.value: "no" if each is name else "yes" for each in ALL}


@pytest.mark.parametrize(("name", "requests"), [("atomic", 3), ("twice", 3), ("email-case", 2)])
async def test_each_question_can_be_tried_alone(tmp_path, name, requests):
    """What it costs: a customer to begin with, and what the question needs."""
    found, ledger = await tried(tmp_path, Experiment(name))
    assert answers(found) == {name: "yes"}
    sent = {kind: count for kind, count in ledger.requests.items() if kind in {"customers", "events"}}
    assert sum(sum(count.values()) for count in sent.values()) == requests


@pytest.mark.parametrize("limits", [NO_LIMIT, SandboxLimits(general=parse_windows("5000/d"))])
async def test_nothing_is_tried_in_an_account_that_may_be_in_production(tmp_path, limits):
    """Unless it is said. The check itself has only read."""
    with pytest.raises(ConfigurationError, match="not certainly a development account") as raised:
        await tried(tmp_path, Experiment.TWICE, limits=limits)
    assert "--on-production" in raised.value.hint
    found, _ = await tried(tmp_path, Experiment.TWICE, limits=limits, anywhere=True)
    assert answers(found) == {"twice": "yes"}


@pytest.mark.parametrize(
    ("faults", "because"),
    [
        (["status=500,on=customers"], "the account answered 500 to a request"),
        (["reset,on=customers"], "a request got no answer"),
        (["status=422,on=customers"], "the account refused a customer that should be good"),
        (["lose=1,on=customers"], "a new customer does not show within 900 s"),
        (["throttle,on=customers"], "the server lets nothing through for"),
    ],
)
async def test_a_trial_that_cannot_be_completed_is_left_open(tmp_path, faults, because):
    """No answer is guessed; what may have arrived is named."""
    found, _ = await tried(tmp_path, *ALL, faults=faults)
    assert set(answers(found).values()) == {"open"}
    assert because in found.tried.answers[0].because
    assert found.exit_code == ExitCode.OUTAGE
    assert found.tried.customers


async def test_absence_is_not_evidence_if_presence_does_not_show(tmp_path):
    """The account loses all events: so that a good event of a refused request does not show means nothing."""
    found, _ = await tried(tmp_path, Experiment.ATOMIC, Experiment.TWICE, faults=["lose=1,on=events"])
    assert answers(found) == {"atomic": "open", "twice": "open"}
    assert "does not show how many purchases" in found.tried.answers[0].because


async def test_nothing_can_be_tried_without_a_key(tmp_path):
    """There is no account to try it in."""
    with pytest.raises(ConfigurationError, match="without an account"):
        await check(load_settings(), catalogue="", credentials=None, trials=Trials(wanted=(Experiment.TWICE,)))
