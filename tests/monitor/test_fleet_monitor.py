"""The monitor of a fleet: the overview, a page for each account, and metrics with an `account` label."""

import json
from contextlib import asynccontextmanager

import accessibility
import made_snapshots
import msgspec
import pytest
from monitor.test_page import PHONE, WIDE, browsing, in_a_browser, looking
from monitor.watched import LOOPBACK, Painted, RememberingObserver, ask
from prometheus_client.parser import text_string_to_metric_families

from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.fleet import AccountResult, fail
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot, describe_account
from masivo_stream.model.notices import MinutePassed, MonitorListens
from masivo_stream.model.snapshot import PauseShown, Wait
from masivo_stream.model.summary import Summary
from masivo_stream.monitor.fleet_endpoints import FleetEndpoints
from masivo_stream.monitor.fleet_server import beside_monitor
from masivo_stream.monitor.monitor_server import serving
from masivo_stream.monitor.request_metrics import RequestMetrics
from masivo_stream.observe.fleet_watch import FleetRuns

HOSTILE = "</td><script>alert(1)</script><img src=https://evil.example/x>\u202e" + "x" * 300
ROWS = (
    AccountRow(name="north", state="customers: next slot", read=4000, accepted=3000, requests=3, requests_needed=40,
               ends_at=1_700_003_600.0),
    AccountRow(name="south", state="events: waits after 503", read=9000, accepted=9000, dead=12, requests=9,
               attention="waits after 503", no_end="no finishing time yet"),
    AccountRow(name="west", state="complete", ended=True, exit_code=0, read=10, accepted=10, requests=1,
               requests_needed=1),
    AccountRow(name="east", state="in doubt", ended=True, exit_code=4, read=10, accepted=9, in_doubt=1, requests=2,
               attention="1 in doubt", command="masivo-stream retry --fleet f.toml:east"),
    AccountRow(name="far-north", state="the token call was answered with 401", ended=True, exit_code=7,
               attention="the token call was answered with 401"),
    AccountRow(name="far-south", state="not begun"),
)  # fmt: skip
FLEET = FleetSnapshot(
    version="1.2.3", began=1_700_000_000.0, now=1_700_000_600.0, accounts=ROWS, ends_at=1_700_003_600.0
)


@asynccontextmanager
async def watched(painted=None, names=("north", "south")):
    """Serve a fleet whose accounts all show the same run."""
    runs = {name: (Painted(), RequestMetrics()) for name in names}
    answers = FleetEndpoints(painted or Painted(FLEET), runs, RememberingObserver(), LOOPBACK)
    async with serving(LOOPBACK, answers) as address:
        yield address


async def test_the_overview_has_a_row_for_each_account():
    """In the sequence of the fleet file, with how it ended; each leads to the account's own page."""
    async with watched() as address:
        status, headers, body = await ask(address, "/")
        json_status, _, document = await ask(address, "/status.json")
    page = body.decode()
    assert status == json_status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'sha256-" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    table = page[page.index("<tbody>") :]
    assert [table.index(f">{row.name}</a>") for row in ROWS] == sorted(table.index(f">{row.name}</a>") for row in ROWS)
    assert "3 of 6 accounts have ended" in page
    assert (
        page.index("What you must do") < page.index("masivo-stream retry --fleet f.toml:east") < page.index("<table>")
    )
    assert "Until <time datetime=2023-11-14T23:13:20Z>14 Nov 23:13 UTC</time>" in page
    assert "no finishing time yet" in page
    assert msgspec.json.decode(document, type=FleetSnapshot) == FLEET


async def test_each_account_has_the_pages_of_a_run():
    """Its page, status and metrics; an unknown account has none, and a path without its slash leads to the page."""
    async with watched() as address:
        assert (await ask(address, "/accounts/north/"))[0] == 200
        status, _, body = await ask(address, "/accounts/south/status.json")
        assert (status, json.loads(body)["schema"]) == (200, made_snapshots.WORKING.schema)
        assert b"masivo_" in (await ask(address, "/accounts/south/metrics"))[2]
        for nowhere in ("/accounts/", "/accounts/west/", "/accounts/north/nothing", "/accounts/../", "/nothing"):
            status, _, body = await ask(address, nowhere)
            assert (status, b"/accounts/NAME/" in body) == (404, True), nowhere
        status, headers, _ = await ask(address, "/accounts/north")
        assert (status, headers["location"]) == (308, "/accounts/north/")


async def test_metrics_of_all_accounts_are_on_one_page():
    """Each family once, each sample of a run with the label of its account; those of the process without."""
    async with watched() as address:
        _, _, body = await ask(address, "/metrics")
    families = list(text_string_to_metric_families(body.decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    of_runs = [family for family in families if family.name.startswith("masivo_")]
    assert of_runs
    for family in of_runs:
        assert {sample.labels["account"] for sample in family.samples} <= {"north", "south"}
    assert {sample.labels["account"] for family in of_runs for sample in family.samples} == {"north", "south"}
    assert any(family.name.startswith("process_") for family in families)


async def test_it_is_ready_while_an_account_is_at_work():
    """Alive always; ready until the last account has ended."""
    ended = msgspec.structs.replace(FLEET, accounts=tuple(row for row in ROWS if row.ended))
    for snapshot, code in ((FLEET, 200), (ended, 503)):
        async with watched(Painted(snapshot)) as address:
            assert (await ask(address, "/readyz"))[0] == code
            assert (await ask(address, "/healthz"))[0] == 200


async def test_foreign_names_and_other_methods_are_refused():
    """As the monitor of one run does."""
    async with watched() as address:
        assert (await ask(address, "/", host="evil.example"))[0] == 421
        assert (await ask(address, "/", method="POST"))[0] == 405


@pytest.mark.slow
@in_a_browser
async def test_the_overview_in_a_browser():
    """Text from outside stays text; nothing is fetched; in light and dark, and no wider than a phone."""
    hostile = msgspec.structs.replace(ROWS[4], state=HOSTILE, attention=HOSTILE + "!")
    complaints = []
    fleet = msgspec.structs.replace(FLEET, accounts=(*ROWS[:4], hostile, ROWS[5]))
    painted, faults = Painted(fleet), []
    async with watched(painted) as address, browsing() as browser:
        for scheme, size in (("light", WIDE), ("dark", PHONE)):
            async with looking(browser, address, complaints, color_scheme=scheme, viewport=size) as page:
                assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                assert await page.evaluate("document.querySelectorAll('main script, img').length") == 0
                assert await page.locator("script").count() == 1
                assert "<script>alert(1)</script>" in await page.inner_text("table")
                paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert paper == {"light": "rgb(246, 246, 243)", "dark": "rgb(15, 19, 22)"}[scheme]
                if scheme == "light":
                    faults += await accessibility.find_faults(page) + await accessibility.find_unreached(page)
                    faults += await accessibility.find_contrast_faults(page, "dark")
                await page.focus("text=north >> nth=0")
                painted.shown = msgspec.structs.replace(fleet, accounts=fleet.accounts[:2])
                await page.evaluate("renew()")
                assert await page.locator("tbody tr").count() == 2
                assert await page.evaluate("document.activeElement.textContent") == "north"
                painted.shown = fleet
                await page.click("text=north >> nth=0")
                assert page.url.endswith("/accounts/north/")
    assert complaints == faults == []


class Lines:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def debug(self, event, **fields):
        self.lines.append((event, fields))

    info = warning = debug


async def test_the_runs_of_a_fleet_are_watched_by_account():
    """A row changes with the notices and the result of its account alone; every log line names it."""
    log = Lines()
    runs = FleetRuns(["north", "south"], log, clock=FakeClock())
    assert [row.state for row in runs.snapshot().accounts] == ["not begun", "not begun"]
    async with beside_monitor("127.0.0.1:0", runs):
        runs.observer_of("north").notify(MinutePassed())
    assert [row.state for row in runs.snapshot().accounts] == ["beginning", "not begun"]
    wrong = ConfigurationError("there is no API key", operation="read the secrets", place="f", hint="set it")
    runs.ended(fail("south", wrong))
    runs.ended(
        AccountResult(
            name="north", exit_code=0, summary=Summary(outcome="complete", exit_code=0, kinds={}, closes=True)
        )
    )
    north, south = runs.snapshot().accounts
    assert (north.ended, north.exit_code, south.state, south.exit_code) == (True, 0, "there is no API key", 2)
    events = dict(log.lines)
    assert events["account_failed"]["account_name"] == "south"
    assert "url" in events["monitor_listens"]


async def test_the_address_is_given_to_who_asks_for_it():
    """A terminal shows it, where log lines are warnings only; without an address nothing listens."""
    seen = RememberingObserver()
    async with beside_monitor("0", FleetRuns([], Lines()), seen):
        pass
    (notice,) = seen.notices
    assert isinstance(notice, MonitorListens)
    async with beside_monitor("", FleetRuns([], Lines()), seen):
        pass
    assert len(seen.notices) == 1


def test_a_row_shows_what_needs_a_person():
    """Doubt first, then a wait after a failure, then dead letters; a failure before all."""
    run = made_snapshots.WORKING
    row = describe_account("north", run, exit_code=None, failure="")
    figures = [phase.figures for phase in run.phases]
    assert row.accepted == sum(each.accepted for each in figures)
    assert row.requests == sum(each.requests for each in figures)
    failed = describe_account("north", run, exit_code=7, failure="401")
    assert (failed.state, failed.attention, failed.ended) == ("401", "401", True)
    stopped = describe_account("north", run, exit_code=7, failure="", message="denied", command="do this")
    assert (stopped.attention, stopped.command) == ("denied", "do this")
    pause = PauseShown(since=0.0, by="ana@shop", command="masivo-stream resume s")
    paused = describe_account(
        "north", msgspec.structs.replace(run, paused=pause, ends_at=None), exit_code=None, failure=""
    )
    assert (paused.state, paused.no_end, paused.command) == ("paused by ana@shop", "paused", pause.command)
    wait = Wait(what="retry", text="customers: refused, next try")
    assert describe_account("n", msgspec.structs.replace(run, wait=wait), exit_code=None, failure="").state == wait.text
