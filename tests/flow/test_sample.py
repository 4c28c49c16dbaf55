"""The sample at the end of a migration: it reports, and changes nothing."""

import json
import os
import signal

import anyio
import msgspec
import pytest
from flow.migration import Migration
from msgspec import UNSET

from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import RunEnded
from masivo_stream.model.verification import KindVerified
from masivo_stream.sandbox import SandboxOptions, parse_faults, running

pytestmark = pytest.mark.slow


def sandbox(*faults, visible_after=0.05):
    return running(SandboxOptions(visible_after=visible_after, faults=parse_faults(faults)))


async def test_a_few_of_each_kind_are_read_back(tmp_path):
    """As many as the setting says; the summary, its notice and the report hold the result."""
    async with sandbox() as served:
        run = Migration(tmp_path, served)
        run.generate(20)
        summary = await run.migrate(sample=2)
        seen = summary.verified
        assert {kind: (found.looked_at, found.confirmed) for kind, found in seen.kinds.items()} == dict.fromkeys(
            Kind, (2, 2)
        )
        assert (summary.exit_code, seen.findings, seen.message) == (0, (), "")
        report = json.loads((tmp_path / "state" / "report.json").read_bytes())
        assert report["verified"]["kinds"]["events"]["confirmed"] == 2
        again = await run.migrate(sample=2)
        assert again.verified is UNSET  # it has sent nothing


async def test_nothing_is_read_back_with_a_sample_of_zero(tmp_path):
    """With `sample = 0` the summary does not mention it."""
    async with sandbox() as served:
        run = Migration(tmp_path, served)
        run.generate(3, kinds=[Kind.CUSTOMERS])
        summary = await run.migrate(sample=0)
        assert b"verified" not in msgspec.json.encode(summary)


async def test_a_record_that_is_not_visible_yet_is_not_a_failure(tmp_path):
    """The run is complete, and reports what it did not see."""
    async with sandbox(visible_after=60) as served:
        run = Migration(tmp_path, served)
        run.generate(20, kinds=[Kind.CUSTOMERS])
        summary = await run.migrate(sample=3, visible_timeout=900)
        found = summary.verified.kinds["customers"]
        assert (summary.outcome, summary.exit_code) == ("complete", 0)
        assert (found.looked_at, found.not_yet) == (3, 3)


@pytest.mark.parametrize(
    ("fault", "seen", "says"),
    [
        ("lose=20,on=customers", KindVerified(looked_at=2, missing=2), ""),
        ("spoil=20,on=customers", KindVerified(looked_at=2, different=2), ""),
        ("status=403,on=read", KindVerified(), "cannot be read back"),
        ("hang=9,on=read", KindVerified(), "not all records could be read back within 1 s"),
    ],
)
async def test_a_difference_is_reported_and_does_not_change_the_outcome(tmp_path, fault, seen, says):
    """The records were accepted, whatever the sample shows."""
    async with sandbox(fault) as served:
        run = Migration(tmp_path, served)
        run.generate(20, kinds=[Kind.CUSTOMERS])
        told = []
        summary = await run.migrate(sample=2, request_timeout=0.5 if "hang" in fault else 20, observer=Endings(told))
        found = msgspec.structs.replace(summary.verified.kinds["customers"], requests=0)
        assert (summary.outcome, summary.exit_code, summary.closes) == ("complete", 0, True)
        assert found == seen
        assert says in summary.verified.message
        assert len(summary.verified.findings) == seen.looked_at
        assert told == [RunEnded(summary=summary)]


async def test_a_signal_ends_only_the_sample(tmp_path):
    """The migration is complete, and the command ends at once."""
    async with sandbox(visible_after=600) as served:
        run = Migration(tmp_path, served)
        run.generate(20, kinds=[Kind.CUSTOMERS])

        async def interrupt():
            while "read" not in served.ledger().requests:  # noqa: ASYNC110 - the sandbox has no event for that
                await anyio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(interrupt)
            summary = await run.migrate(sample=2, events_settle=60, handle_signals=True)
        assert (summary.outcome, summary.exit_code) == ("complete", 0)
        assert summary.verified.message == "stopped by SIGINT"


class Endings:
    """Remembers how the run ended."""

    def __init__(self, told):
        self.told = told

    def notify(self, notice):
        if isinstance(notice, RunEnded):
            self.told.append(notice)
