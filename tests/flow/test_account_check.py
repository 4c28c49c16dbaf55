"""The check of an account against a sandbox: what it shows, what it costs, and what becomes of failures."""

import time

import anyio
import msgspec
import pytest
from fakes import record, write_export

from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.ask_account import CatalogueReader
from masivo_stream.flow.commands.check import check
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model import contract
from masivo_stream.model.account_check import AccountType
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind, ReferenceSort
from masivo_stream.model.errors import DeniedError, MasivoStreamError, OutageError
from masivo_stream.model.sample_programme import POINTS, REWARDS, TIERS
from masivo_stream.sandbox import SandboxOptions, parse_faults, parse_limits, running
from masivo_stream.sandbox.store import Store
from masivo_stream.sandbox.tokens import issue

KEY = Credentials(api_key=Secret(SandboxOptions().api_key))


async def checked(tmp_path, *faults, limits="none", credentials=KEY, clock=None, url="", store=":memory:", **given):
    """Check an account of a sandbox; return what was found, and how many reads it answered."""
    options = SandboxOptions(faults=parse_faults(faults), limits=parse_limits(limits), store=store)
    async with running(options) as served:
        settings = load_settings(flags={"base_url": url or served.url, "shared_dir": str(tmp_path / "shared")})
        clock = clock or FakeClock()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.run)
            try:
                found = await check(settings, credentials=credentials, runtime=Runtime(clock=clock), **given)
            except MasivoStreamError as error:  # kept, because a task group would wrap it
                found = error
            tasks.cancel_scope.cancel()
        if isinstance(found, MasivoStreamError):
            raise found
        return found, served.ledger().requests


async def test_the_account_lists_what_it_has(tmp_path):
    """In four requests: the token, the tiers, the rewards, and that there are no further rewards."""
    found, requests = await checked(tmp_path)
    assert found.exit_code == 0
    assert [each.id for each in found.rewards] == [each.id for each in REWARDS]
    assert [(each.id, each.level) for each in found.tiers] == [(each.id, at) for at, each in enumerate(TIERS, 1)]
    assert found.account.requests == 4
    assert requests == {"auth": {"200": 1}, "read": {"200": 3}}
    assert (found.account.type, found.account.named_by_token) == (AccountType.PRODUCTION, True)
    assert len(found.account.fingerprint) == 8
    assert found.account.quota.known


@pytest.mark.parametrize(("limits", "expected"), [("dev", AccountType.DEVELOPMENT), ("prod", AccountType.PRODUCTION)])
async def test_the_limits_show_the_type(tmp_path, limits, expected):
    """And what is left of the day; a warning names the limits that a development account needs."""
    found, _ = await checked(tmp_path, limits=limits)
    assert found.account.type is expected
    left = found.account.server_quota
    development = expected is AccountType.DEVELOPMENT
    assert (left.limit, left.remaining) == ((1000, 996) if development else (None, None))
    assert len(found.warnings) == development


class PagedAccount:
    """An account that gives a few rewards at a time, whatever was asked for; with `again`, always the first ones."""

    def __init__(self, rewards, page, *, again=False):
        self.rewards, self.page, self.again, self.paths = rewards, page, again, []
        self.client = self

    async def prepare(self):
        return "token"

    async def read(self, path):
        self.paths.append(path)
        if not path.startswith(contract.REWARDS_PATH):
            return Reply(Answer(status=200), b'{"data": []}')
        start = 0 if self.again else int(path.partition("from=")[2].partition("&")[0])
        rows = [{"id": f"{number}"} for number in range(self.rewards)[start : start + self.page]]
        return Reply(Answer(status=200), msgspec.json.encode({"data": rows}))


@pytest.mark.parametrize(
    ("rewards", "page", "requests"), [(0, 5, 1), (2, 1000, 2), (10, 5, 3), (12, 5, 4), (1000, 100, 11)]
)
async def test_rewards_are_read_page_by_page(rewards, page, requests):
    """Until a page brings nothing new: how many there are on one is not known."""
    account = PagedAccount(rewards, page)
    found = await CatalogueReader(account, FakeClock()).read()
    assert [each.id for each in found.rewards] == [f"{number}" for number in range(rewards)]
    assert len(account.paths) == 1 + requests


async def test_endless_pages_of_an_account_end_the_reading():
    """One that gives the same page for ever, and one with far more rewards than an account may hold."""
    same = PagedAccount(8, 5, again=True)
    assert len((await CatalogueReader(same, FakeClock()).read()).rewards) == 5
    many = PagedAccount(5000, 100)
    reader = CatalogueReader(many, FakeClock())
    assert (await reader.read()).rewards is None
    assert reader.unread == {"rewards": "there are more than 1,100"}
    assert len(many.paths) == 12


async def test_a_ready_token_costs_no_token_call(tmp_path):
    """It names the account as the key's token does."""
    by_key, _ = await checked(tmp_path, store=str(tmp_path / "store"))
    token = issue(open_secret(tmp_path / "store"), time.time(), 1000)
    by_token, requests = await checked(
        tmp_path, store=str(tmp_path / "store"), credentials=Credentials(token=Secret(token))
    )
    assert by_token.account.fingerprint == by_key.account.fingerprint
    assert (by_token.account.requests, requests["auth"]) == (3, {"200": 1})  # that of the key


def open_secret(path):
    store = Store(str(path))
    try:
        return store.secret()
    finally:
        store.close()


@pytest.mark.parametrize("fault", ["status=503", "throttle,retry_after=7", "reset", "html=502"])
async def test_a_read_that_fails_for_a_while_is_tried_again(tmp_path, fault):
    """After a pause, or after the wait that the server asks for."""
    clock = FakeClock()
    found, _ = await checked(tmp_path, f"{fault},on=read,times=2", clock=clock)
    assert (found.exit_code, found.account.unread, len(found.tiers)) == (0, {}, 4)
    assert clock.now() >= 5


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("status=403", "the API answered 403"),
        ("status=503", "the API answered 503"),
        ("html", "200 from a firewall, proxy or login page"),
        ("status=200,body=list", "the answer has another shape"),
        ("status=200,body=object", "the answer has another shape"),
        ("reset", "connection lost"),
    ],
)
async def test_unreadable_parts_of_the_account_are_named(tmp_path, fault, why):
    """Exit code 6; nothing is called unknown because of it."""
    export = write_export(tmp_path / "customers", [record(Kind.CUSTOMERS, 1)])
    found, _ = await checked(tmp_path, f"{fault},on=read", exports=Exports(customers=[export]))
    assert (found.exit_code, found.rewards, found.tiers, found.findings) == (6, None, None, [])
    assert set(found.account.unread) == {"rewards", "tiers"}
    assert all(why in each for each in found.account.unread.values()), found.account.unread


async def test_an_account_that_cannot_be_opened_ends_the_check(tmp_path):
    """A key that is refused, and an API that cannot be reached."""
    with pytest.raises(DeniedError, match="401"):
        await checked(tmp_path, credentials=Credentials(api_key=Secret("no")))
    with pytest.raises(DeniedError, match="401"):
        await checked(tmp_path, "status=401,on=read")
    with pytest.raises(OutageError, match="no token came: connection refused"):
        await checked(tmp_path, url="http://127.0.0.1:1/api")
    with pytest.raises(OutageError, match="no token came: the token call had no usable answer"):
        await checked(tmp_path, "status=503,on=auth")


async def test_exports_are_compared_with_the_account(tmp_path):
    """An id that the account lacks is found at its first line, in any of the files."""
    good = {"reward_id": POINTS, "type": "ACCUMULATION", "amount": 1, "issued_at": "2024-01-01T00:00:00Z"}
    bad = {**good, "reward_id": "00000000-0000-4000-8000-000000000000", "brand_id": "b"}
    one = write_export(tmp_path / "one", [{"id": "c1", "transactions": [good]}, {}])
    two = write_export(
        tmp_path / "two", [{"id": "c2", "transactions": [good, bad]}, {"id": "c3", "transactions": [bad]}]
    )
    found, _ = await checked(tmp_path, exports=Exports(transactions=[one, two]))
    (finding,) = found.findings
    assert (found.exit_code, finding.sort, finding.id, finding.uses) == (3, "rewards", bad["reward_id"], 2)
    assert (finding.file, finding.line) == (two, 1)
    assert [each.uses for each in found.references[ReferenceSort.REWARD].listed] == [2, 2]
    (warning,) = found.warnings
    assert warning.startswith("1 line of transactions cannot be sent")


async def test_workers_give_the_same_findings(tmp_path):
    """The findings of two processes are those of one."""
    records = [{**record(Kind.TRANSACTIONS, number, items=40), "x": "y" * 5000} for number in range(3000)]
    export = write_export(tmp_path / "transactions", records)

    async def by(workers):
        settings = load_settings(flags={"workers": workers, "shared_dir": str(tmp_path / "shared")})
        found = await check(settings, exports=Exports(transactions=[export]))
        return msgspec.json.encode(found)

    assert await by(1) == await by(2)


async def test_a_saved_answer_is_a_catalogue(tmp_path):
    """Without a key the same export has the same findings; nothing is sent."""
    export = write_export(tmp_path / "transactions", [record(Kind.TRANSACTIONS, 1)])
    exports = Exports(transactions=[export])
    asked, _ = await checked(tmp_path, exports=exports)
    path = tmp_path / "catalogue.json"
    path.write_bytes(msgspec.json.encode(asked))
    read, requests = await checked(tmp_path, credentials=None, catalogue=str(path), exports=exports)
    assert requests == {}
    assert (read.findings, read.rewards, read.exit_code) == (asked.findings, asked.rewards, asked.exit_code)
    assert len(read.findings) == 1
    path.write_text('{"rewards": [], "brands": []}')
    both, _ = await checked(tmp_path, catalogue=str(path), exports=exports)
    assert (both.rewards, both.brands) == (asked.rewards, [])
