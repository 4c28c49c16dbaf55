"""A run is verified: what was accepted, and nothing else, is read back and compared with the exports."""

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from flow.migration import Migration
from yarl import URL

from masivo_stream.flow.commands.retry import retry
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import WorkProgressed
from masivo_stream.model.verification import KindVerified
from masivo_stream.sandbox import SandboxOptions, parse_faults, running

pytestmark = pytest.mark.slow


@pytest.fixture
def migration(tmp_path):
    """Return a function that opens a migration to a sandbox of these faults."""

    @asynccontextmanager
    async def opened(*faults):
        async with running(SandboxOptions(visible_after=0.05, faults=parse_faults(faults))) as sandbox:
            yield Migration(tmp_path, sandbox)

    return opened


class WorkSeen:
    """Keeps how far each step of the work is, and what has hindered it."""

    def __init__(self):
        self.latest, self.hindered = {}, []

    def notify(self, notice):
        if isinstance(notice, WorkProgressed):
            self.latest[notice.step] = (notice.done, notice.of)
            self.hindered.append(notice.hindered)


def all_confirmed(summary, found):
    """Check that everything that was accepted, and can be compared, was read back and is confirmed."""
    assert (found.exit_code, found.findings) == (0, ())
    for kind, figures in summary.kinds.items():
        counted = found.kinds.get(kind, KindVerified())
        assert counted.looked_at + counted.untold == figures.accepted, kind
        assert counted.confirmed == counted.looked_at


async def test_accepted_records_are_confirmed(migration):
    """No dead letters, no skipped records; a sample has the requested size, and one seed draws one sample."""
    async with migration() as run:
        run.generate(60, rate=0.1, skipped=0.1)
        summary = await run.migrate(max_body_bytes=20_000)
        assert summary.outcome == "dead_letters"
        seen = WorkSeen()
        all_confirmed(summary, await run.verify(observer=seen))
        accepted = [summary.kinds[kind].accepted for kind in Kind]
        upto = dict(zip(Kind, accumulate(accepted), strict=True))  # a person sees how far all kinds are
        assert seen.latest == {f"reading {kind} back": (upto[kind], sum(accepted)) for kind in Kind}
        found = await run.verify(records=7, observer=seen)
        assert seen.latest == {f"choosing {kind}": (run.path(kind).stat().st_size,) * 2 for kind in Kind} | {
            f"reading {kind} back": (7 * number, 21) for number, kind in enumerate(Kind, 1)
        }
        assert {kind: counted.looked_at for kind, counted in found.kinds.items()} == dict.fromkeys(Kind, 7)
        assert found == await run.verify(records=7)


async def test_a_corrected_record_is_compared_as_corrected(migration):
    """A corrected record is compared as corrected, once. One that was rejected again is not, also in a second retry."""
    async with migration() as run:
        run.generate(30)
        lines = run.path(Kind.CUSTOMERS).read_bytes().splitlines(keepends=True)
        for number in (3, 9, 20):
            record = json.loads(lines[number])
            lines[number] = json.dumps({**record, "balance": record["balance"], "name": number}).encode() + b"\n"
        run.path(Kind.CUSTOMERS).write_bytes(b"".join(lines))
        assert (await run.migrate()).kinds["customers"].dead == 3
        for left in (2, 1):
            letters = run.folder / "state" / "dead-letter.customers.ndjson"
            first, *others = [json.loads(line) for line in letters.read_bytes().splitlines()]
            raw = json.loads(first["raw"])
            first["raw"] = json.dumps({**raw, "name": "Ana", "email": f"mended-{left}@example.com"})
            letters.write_text("".join(json.dumps(letter) + "\n" for letter in (first, *others)))
            summary = await retry(run.settings, run.credentials)
            assert summary.kinds["customers"].dead == left
            all_confirmed(summary, await run.verify())


async def test_records_in_doubt_or_refused_are_not_read_back(migration):
    """No answer said that it was accepted."""
    async with migration("hang=0.05,applied=no,on=transactions,at=2", "vague,on=events") as run:
        run.generate(40)
        text = run.path(Kind.EVENTS).read_text().splitlines(keepends=True)
        text[4] = text[4].replace(json.loads(text[4])["id"], "stranger")
        run.path(Kind.EVENTS).write_text("".join(text))
        summary = await run.migrate(max_body_bytes=15_000, uploaders=1)
        assert (summary.kinds["events"].dead, summary.kinds["transactions"].in_doubt > 0) == (1, True)
        all_confirmed(summary, await run.verify())


async def test_the_accepted_records_of_an_unfinished_run_are_verified(migration):
    """What was accepted before the stop."""
    async with migration("status=403,on=customers,at=3") as run:
        run.generate(40, kinds=[Kind.CUSTOMERS])
        summary = await run.migrate(max_body_bytes=5_000, uploaders=1)
        assert 0 < summary.kinds["customers"].accepted < 40
        all_confirmed(summary, await run.verify())


async def test_appended_records_are_compared_once(migration):
    """An export that was appended to is one input after the other in the same file."""
    async with migration() as run:
        run.generate(20, kinds=[Kind.CUSTOMERS])
        whole = run.path(Kind.CUSTOMERS).read_bytes().splitlines(keepends=True)
        run.path(Kind.CUSTOMERS).write_bytes(b"".join(whole[:12]))
        await run.migrate()
        run.path(Kind.CUSTOMERS).write_bytes(b"".join(whole))
        all_confirmed(await run.migrate(), await run.verify())


async def test_a_wrong_balance_and_a_lost_record_are_found(migration):
    """With their places, and no value of theirs."""
    async with migration("spoil=2,on=customers", "lose,on=customers", "lose=1,on=transactions") as run:
        run.generate(20, kinds=[Kind.CUSTOMERS])
        await run.migrate()
        found = await run.verify()
        places = {(place.line, place.seen, place.what) for place in found.findings}
        assert places == {(1, "missing", ()), (2, "different", ("wallet",))}
        assert (found.exit_code, found.kinds["customers"].confirmed) == (3, 18)
        record = json.loads(run.path(Kind.CUSTOMERS).read_bytes().splitlines()[1])
        told = repr(found)
        assert record["id"] not in told
        assert record["email"] not in told
        assert Path(found.findings[0].file) == run.path(Kind.CUSTOMERS)


async def test_later_earnings_of_a_customer_are_not_a_difference(migration):
    """The wallet is the exported balance, and what was booked after that."""
    async with migration() as run:
        run.generate(5, kinds=[Kind.CUSTOMERS])
        summary = await run.migrate()
        all_confirmed(summary, await run.verify())  # by now they are there
        for line in run.path(Kind.CUSTOMERS).read_bytes().splitlines():
            await earn(run, json.loads(line))
        all_confirmed(summary, await run.verify())


async def earn(run, customer):
    """Let a customer earn something after the migration."""
    reward = customer["balance"][0]["reward_id"]
    booked = {"reward_id": reward, "type": "ACCUMULATION", "amount": 5, "issued_at": datetime.now(UTC).isoformat()}
    path = f"/__sandbox/customers/{quote(customer['id'], safe='')}/transactions"
    async with (
        aiohttp.ClientSession() as session,
        session.post(URL(run.sandbox.origin + path, encoded=True), json=booked) as answer,
    ):
        assert answer.status == 201


async def test_an_edited_export_is_not_compared(migration):
    """What would be compared with the account is not what was sent."""
    async with migration() as run:
        run.generate(5, kinds=[Kind.CUSTOMERS])
        await run.migrate()
        path = run.path(Kind.CUSTOMERS)
        path.write_bytes(path.read_bytes().replace(b"@example", b"@elsewhere"))
        found = await run.verify()
        assert (found.exit_code, found.kinds) == (5, {})
        assert found.message.startswith(f"{path}: the export is not the one")


async def test_a_read_without_an_answer_is_said_while_it_lasts(migration):
    """No time is promised meanwhile; then the work goes on."""
    async with migration("reset,on=read,at=3") as run:
        run.generate(5, kinds=[Kind.CUSTOMERS])
        summary, seen = await run.migrate(), WorkSeen()
        found = await run.verify(observer=seen)
        all_confirmed(summary, found)
        assert {each for each in seen.hindered if each} == {"no answer: connection lost; it is tried again"}
        assert seen.hindered[-1] == ""


async def test_a_key_without_the_right_to_read_is_reported(migration):
    """It ends with what the API answered."""
    async with migration("status=403,on=read") as run:
        run.generate(3, kinds=[Kind.CUSTOMERS])
        await run.migrate()
        found = await run.verify()
        assert (found.exit_code, found.kinds["customers"].looked_at) == (7, 0)
        assert "cannot be read back" in found.message
