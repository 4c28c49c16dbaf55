"""Answers that are not what they look like, from a sandbox to the summary and the ledger."""

import json
from contextlib import asynccontextmanager

import anyio
import pytest
from flow.migration import Migration

from masivo_stream.flow.commands.retry import retry
from masivo_stream.flow.commands.revert import revert
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import DeniedError, MasivoStreamError, OutageError
from masivo_stream.sandbox import SandboxOptions, parse_faults, running

pytestmark = pytest.mark.slow

CLOUD = "server=cloudflare,ray=8f1-MAD"
WHO = "from a firewall or proxy (Server: cloudflare, CF-Ray: 8f1-MAD), not from the API"
QUICK = {"first_delay": 0.02, "longest_delay": 0.02}


@pytest.fixture
def migration(tmp_path):
    """Return a function that opens a migration to a sandbox with these faults. Its account and its port outlive it."""
    port = 0

    @asynccontextmanager
    async def opened(*faults):
        nonlocal port
        store = str(tmp_path / "store")
        options = SandboxOptions(port=port, visible_after=0.02, faults=parse_faults(faults), store=store)
        async with running(options) as sandbox:
            port = sandbox.port
            yield Migration(tmp_path, sandbox)

    return opened


async def arrived(run, kind):
    """Return the ledger of a kind, when nothing is queued any more."""
    await anyio.sleep(0.05)
    assert run.sandbox.ledger().queue == 0
    return getattr(run.sandbox.ledger(), kind)


def ids(run, kind):
    return {json.loads(line)["id"] for line in run.path(kind).read_bytes().splitlines()}


def once(found, kind):
    """Return whether everything in a ledger was applied once, if the kind counts items."""
    match kind:
        case Kind.CUSTOMERS:
            return set(found.values()) <= {1}
        case Kind.EVENTS:
            return all(set(purchases.values()) <= {1} for purchases in found.values())
        case Kind.TRANSACTIONS:
            return True


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("status=200,applied=yes,body=object", 200),
        ("status=202,applied=yes,body=empty", 202),
        ("status=202,applied=yes,body=message", 202),
        ("status=204,applied=yes", 204),
        ("status=200,applied=yes,body=object,type=text/html", 200),
    ],
)
async def test_an_answer_close_to_the_contract_is_accepted_with_a_warning(migration, fault, status):
    """It is counted per batch, and the batch is not sent again."""
    async with migration(f"{fault},on=customers") as run:
        run.generate(30, kinds=[Kind.CUSTOMERS])
        summary = await run.migrate(max_body_bytes=3000)
        figures = summary.kinds["customers"]
        assert (summary.outcome, figures.accepted, figures.requests > 3) == ("complete", 30, True)
        assert figures.remarks == {f"status {status} instead of 201": figures.requests}
        (warning,) = summary.warnings
        assert f"{figures.requests} batches of customers" in warning
        assert set(await arrived(run, Kind.CUSTOMERS)) == ids(run, Kind.CUSTOMERS)


NO_ACCEPTANCE = [
    ("multistatus=2", "status 207 instead of 201"),
    ("status=207,body=empty", "status 207 instead of 201"),
    ("status=207,body=page", "not from the API"),
    ("status=200,body=error", "status 200 instead of 201"),
    ("status=200,body=errors,applied=yes", "status 200 instead of 201"),
    ("status=202,body=results,applied=yes", "status 202 instead of 201"),
    ("status=200,body=nested", "that reports errors"),
    ("status=200,body=problem", "that reports errors"),
    ("status=200,body=list", "JSON that is not an object"),
    ("status=200,body=null", "JSON that is not an object"),
    ("status=206,body=object", "status 206 instead of 201"),
    ("status=299,body=object", "status 299 instead of 201"),
    ("html,type=,server=portal", "200 from a firewall, proxy or login page (Server: portal), not from the API"),
    ("html,type=application/json", "not from the API"),
    ("html=203,type=text/plain", "not from the API"),
    ("status=200,body=text", "not from the API"),
    ("status=520,body=page,applied=yes", "520 from a firewall or proxy"),
    ("status=522,body=page", "522 from a firewall or proxy"),
    ("status=524,body=page,applied=yes", "524 from a firewall or proxy"),
    ("status=502,body=page", "502 from a firewall or proxy"),
    ("status=503,body=text", "503 from a firewall or proxy"),
]


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
@pytest.mark.parametrize(("fault", "why"), NO_ACCEPTANCE, ids=[fault for fault, _ in NO_ACCEPTANCE])
async def test_an_undocumented_success_leaves_the_batch_in_doubt(migration, kind, fault, why):
    """One such batch is held: neither counted as accepted nor sent again. Its reason names what came."""
    told = []
    async with migration(f"{fault},on={kind}") as run:
        run.generate(20, kinds=[Kind.CUSTOMERS, kind])
        summary = await run.migrate(observer=Notes(told))
        figures = summary.kinds[kind.value]
        assert (summary.outcome, figures.accepted, figures.in_doubt, figures.requests) == ("in_doubt", 0, 20, 1)
        assert once(await arrived(run, kind), kind)
    assert any(why in remark for remark in told)


class Notes:
    """Keeps the remarks on batches."""

    def __init__(self, told):
        self.told = told

    def notify(self, notice):
        self.told.append(getattr(notice, "remark", ""))


@pytest.mark.parametrize(
    "fault", ["multistatus=2", "status=200,body=error", "status=200,body=list,applied=yes", "html,type=", "html=207"]
)
async def test_customers_are_sent_again_after_undocumented_successes(migration, fault):
    """An unclear success ends the run soon. The same command then sends customers again, as its hint says."""
    async with migration(f"{fault},times=3") as run:
        run.generate(30, kinds=[Kind.CUSTOMERS])
        summary = await run.migrate(**QUICK)
        figures = summary.kinds["customers"]
        assert (summary.exit_code, figures.accepted, figures.requests, figures.pending) == (7, 0, 3, 30)
        hint = "answers instead of the API" if "html" in fault else "customers are sent again"
        assert hint in summary.hint
        summary = await run.migrate(**QUICK)
        assert (summary.outcome, summary.kinds["customers"].accepted) == ("complete", 30)
        assert set(await arrived(run, Kind.CUSTOMERS)) == ids(run, Kind.CUSTOMERS)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "page", [f"code=403,{CLOUD}", f"code=400,{CLOUD}", f"code=406,{CLOUD},type=", f"code=403,body=text,{CLOUD}"]
)
async def test_a_record_that_a_firewall_blocks_is_one_dead_letter(migration, kind, page):
    """All others arrive, and its dead letter names the firewall.

    When the firewall lets it pass, `retry` sends it unchanged.
    """
    async with migration(f"firewall=DROP TABLE,{page}") as run:
        run.generate(40)
        records = run.path(kind).read_bytes().splitlines(keepends=True)
        records[17] = records[17].replace(b'{"id":', b'{"note":"1; DROP TABLE x","id":', 1)
        run.path(kind).write_bytes(b"".join(records))
        summary = await run.migrate()
        assert summary.outcome == "dead_letters", summary.message
        written = (run.folder / "state" / f"dead-letter.{kind}.ndjson").read_bytes()
    (letter,) = map(json.loads, written.splitlines())
    assert (letter["line"], letter["reason"], letter["message"]) == (18, "refused", f"{page[5:8]} {WHO}")
    assert b"sign in" not in written
    async with migration() as run:
        summary = await retry(run.settings, run.credentials)
        assert summary.outcome == "complete", summary.message
        for each in Kind:
            found = await arrived(run, each)
            assert set(found) == ids(run, each)
            assert once(found, each)


@pytest.mark.parametrize("body", ["page", "text"])
@pytest.mark.parametrize("code", [400, 403])
async def test_a_firewall_that_blocks_every_request_stops_the_run(migration, code, body):
    """There is no dead letter and no word about the key.

    When requests pass again, the same command sends everything.
    """
    async with migration(f"status={code},body={body},{CLOUD}") as run:
        run.generate(40)
        summary = await run.migrate()
        assert (summary.outcome, summary.exit_code) == ("stopped", 7)
        assert f"{code} {WHO}" in summary.message
        assert "firewall" in summary.hint
        assert "key" not in summary.message + summary.hint
        figures = summary.kinds["customers"]
        assert (figures.accepted, figures.dead, figures.in_doubt, figures.pending) == (0, 0, 0, 40)
    async with migration() as run:
        summary = await run.migrate()
        assert summary.outcome == "complete", summary.message
        for kind in Kind:
            assert set(await arrived(run, kind)) == ids(run, kind)


PAGES = [
    *(f"status={code},body={body},on=auth" for code in (200, 302, 400, 401, 403, 404) for body in ("page", "text")),
    "html,type=,on=auth",
    *(f"status={code},body=page" for code in (401, 404, 405, 411, 415, 418, 431, 451, 501)),
]


@pytest.mark.parametrize("fault", PAGES)
async def test_no_web_page_blames_the_key(migration, fault):
    """Neither at the token call nor at a batch, whatever its status is."""
    async with migration(f"{fault},{CLOUD}") as run:
        run.generate(10, kinds=[Kind.CUSTOMERS])
        try:
            summary = await run.migrate(**QUICK)
            said, hint = summary.message, summary.hint
        except DeniedError as error:
            said, hint = str(error), error.hint
    assert "Server: cloudflare, CF-Ray: 8f1-MAD" in said
    assert "not from the API" in said
    assert "key" not in (said + hint).lower()
    assert "proxy" in hint


@pytest.mark.parametrize("code", [521, 523, 525, 526])
@pytest.mark.parametrize("body", ["page", "refusal"])
async def test_a_gateway_that_did_not_reach_the_api_is_tried_again(migration, code, body):
    """Nothing is in doubt, nothing is doubled."""
    async with migration(f"status={code},body={body},{CLOUD},rate=0.4,times=6") as run:
        run.generate(30)
        summary = await run.migrate(**QUICK)
        assert summary.outcome == "complete", summary.message
        for kind in Kind:
            found = await arrived(run, kind)
            assert set(found) == ids(run, kind)
            assert once(found, kind)


@pytest.mark.parametrize("packing", ["gzip", "deflate", "bare", "zstd", "twice", "false"])
async def test_compressed_answers_are_read(migration, packing):
    """Token, acceptance, refusal and read-back work as if they were not compressed."""
    async with migration(f"compress={packing},on=all", "shape=details") as run:
        run.generate(30)
        first = run.path(Kind.CUSTOMERS).read_bytes().splitlines()[0]
        twin = json.dumps({**json.loads(first), "id": "twin"}).encode()  # only the API can check that emails are unique
        run.path(Kind.CUSTOMERS).write_bytes(first + b"\n")
        apart = {"state_dir": str(run.folder / "other"), "shared_dir": str(run.folder / "other-shared")}
        assert (await run.migrate(**apart)).kinds["customers"].accepted == 1
        run.generate(30)
        with run.path(Kind.CUSTOMERS).open("ab") as stream:
            stream.write(twin + b"\n")
        summary = await run.migrate()
        assert summary.warnings == ()
        assert summary.kinds["customers"].reasons.get("duplicate_email") == 1
        assert (await run.verify(records=3)).kinds["customers"].confirmed == 3


@pytest.mark.parametrize("packing", ["br", "cut", "bomb"])
async def test_a_201_with_an_unreadable_body_is_accepted(migration, packing):
    """The status is what the contract promises."""
    async with migration(f"compress={packing}") as run:
        run.generate(20)
        assert (await run.migrate()).outcome == "complete"
        for kind in Kind:
            assert set(await arrived(run, kind)) == ids(run, kind)


SHAPES = [
    "refusal", "errors", "details", "members", "message", "detail", "problem", "nested", "list", "results", "bom",
    "error",
]  # fmt: skip


@pytest.mark.parametrize("by", ["path", "index", "id", "none"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_refusal_in_another_shape_is_a_refusal(migration, shape, by):
    """Only its bad record is a dead letter, and one that is named is found at once."""
    async with migration(f"shape={shape},by={by}") as run:
        run.generate(40, kinds=[Kind.CUSTOMERS])
        records = run.path(Kind.CUSTOMERS).read_bytes().splitlines(keepends=True)
        run.path(Kind.CUSTOMERS).write_bytes(records[3])
        assert (await run.migrate(state_dir=str(run.folder / "other"))).outcome == "complete"
        late = json.loads(records[30])
        records[30] = json.dumps({**late, "email": json.loads(records[3])["email"]}).encode() + b"\n"
        run.path(Kind.CUSTOMERS).write_bytes(b"".join([*records[:3], *records[4:]]))
        figures = (await run.migrate()).kinds["customers"]
        assert (figures.accepted, figures.dead) == (38, 1)
        written = (run.folder / "state" / "dead-letter.customers.ndjson").read_bytes()
        (letter,) = map(json.loads, written.splitlines())
        assert json.loads(letter["raw"])["id"] == late["id"]
        assert letter["message"] != "status 422"
        if by == "path":
            assert {(fault["reason"], fault["field"]) for fault in letter["faults"]} == {("refused", "email")}
        most = {
            "path": 2,
            "id": 2,
            "index": 3,
        }  # a path or an id is believed once it is confirmed, an index is tested alone
        assert figures.requests <= most.get(by, 9), figures.requests


@pytest.mark.parametrize(
    "fault",
    [
        "status=404,body=page",
        "status=404,body=text",
        "status=200,body=page",
        "html=403",
        "status=200,body=error",
        "status=200,body=list",
        "status=204",
        "compress=br",
        "compress=cut",
        "compress=bomb",
    ],
)
async def test_an_answer_of_another_server_makes_no_record_missing(migration, fault):
    """`verify` could not read it, and reports that. Nothing is called missing, different or confirmed."""
    async with migration() as run:
        run.generate(6)
        assert (await run.migrate()).outcome == "complete"
        await arrived(run, Kind.TRANSACTIONS)
    async with migration(f"{fault},on=read") as run:
        found = await run.verify(records=2)
        assert found.exit_code == 6
        for figures in found.kinds.values():
            assert (figures.missing, figures.different, figures.confirmed) == (0, 0, 0)
            assert figures.unread == figures.looked_at > 0


@pytest.mark.parametrize("fault", ["status=200,body=page", "html,type=", "status=200,body=error", "status=204"])
async def test_a_web_page_does_not_make_customers_visible(migration, fault):
    """Events wait for their customers, and a login page is not a customer."""
    async with migration(f"{fault},on=read") as run:
        run.generate(6, kinds=[Kind.CUSTOMERS, Kind.EVENTS])
        summary = await run.migrate(visible_timeout=0.2)
        assert (summary.outcome, summary.exit_code, "events" in summary.kinds) == ("stopped", 6, False)
        assert "customers cannot be read back" in summary.message
    async with migration() as run:
        assert (await run.migrate()).outcome == "complete"
        for kind in (Kind.CUSTOMERS, Kind.EVENTS):
            assert once(await arrived(run, kind), kind)


@pytest.mark.parametrize(
    ("fault", "error", "word"),
    [
        ("html,type=", OutageError, "may have taken effect"),
        ("html=201", OutageError, "may have taken effect"),
        ("status=200,body=error,applied=yes", OutageError, "may have taken effect"),
        ("status=204,applied=yes", None, ""),
        ("status=200,body=list,applied=yes", None, ""),
        ("status=200,body=object,applied=yes", None, ""),
        ("html=403", DeniedError, "not from the API; nothing was taken back"),
    ],
)
async def test_the_outcome_of_a_revert_depends_on_which_server_answers(migration, fault, error, word):
    """A page is not a success, and a refusal by a page says nothing about the key."""
    async with migration(f"{fault},on=revert") as run:
        run.generate(5, kinds=[Kind.CUSTOMERS])
        assert (await run.migrate()).outcome == "complete"
        await arrived(run, Kind.CUSTOMERS)
        came = None
        try:
            await revert(run.settings, run.credentials, start="2020-01-01T00:00:00Z", end="2100-01-01T00:00:00Z")
        except MasivoStreamError as raised:
            came = raised
    assert type(came) is (error or type(None)), came
    assert word in str(came)
    assert came is None or "key" not in came.hint
