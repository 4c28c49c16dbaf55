"""A plain HTTP client for the tests: one connection per request, without checks of the answer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import msgspec
from sandbox import made
from sandbox.fake_clock import FakeClock
from yarl import URL

from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.sandbox import Sandbox, SandboxLedger


class Reply(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.text)

    @property
    def details(self) -> str:
        return self.json["details"]


class Client:
    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, clock: FakeClock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self._session = session
        self._token = ""

    async def fetch(self, method: str, url: str, **keywords: Any) -> Reply:
        where = URL(url, encoded=True)
        async with self._session.request(method, where, allow_redirects=False, **keywords) as response:
            return Reply(response.status, await response.text(), response.headers)

    async def token(self) -> str:
        reply = await self.fetch(
            "GET", self.sandbox.url + "/auth/authorize", headers={"x-api-key": self.sandbox.api_key}
        )
        return reply.json["data"]

    async def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Call the API with a token fetched at the first call."""
        self._token = self._token or await self.token()
        given = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            given["Content-Type"] = "application/json"
        return await self.fetch(method, self.sandbox.url + path, data=body, headers=given | headers)

    async def post(self, kind: Kind, *entries: Any) -> Reply:
        return await self.call("POST", CONTRACTS[kind].path, made.body(*entries))

    async def customers(self, *entries: Any) -> Reply:
        return await self.post(Kind.CUSTOMERS, *entries)

    async def events(self, *entries: Any) -> Reply:
        return await self.post(Kind.EVENTS, *entries)

    async def transactions(self, *entries: Any) -> Reply:
        return await self.post(Kind.TRANSACTIONS, *entries)

    async def revert(self, start: str = "2025-01-01T00:00:00Z", end: str = "2026-01-01T00:00:00Z") -> Reply:
        body = msgspec.json.encode({"start_date": start, "end_date": end})
        return await self.call("DELETE", "/customers/migrate", body)

    async def migrated(self, *entries: Any) -> None:
        """Migrate customers, and let time pass until they are visible."""
        reply = await self.customers(*entries)
        assert reply.status == 201, reply.text
        self.clock.advance(self.visible_after)

    visible_after = 2.0

    def ledger(self) -> SandboxLedger:
        return self.sandbox.ledger()
