"""The aiohttp application: turns requests into calls of the service, and its answers into bytes.

The order of an exchange: host, faults on arrival, time of arrival, token, limits, body, rules, effect, faults on the
answer. There are no CORS headers, so no web page can read an answer. Only names of this machine are accepted in `Host`,
so no web page can reach the sandbox under its own name (DNS rebinding).
"""

import urllib.parse
from collections.abc import Awaitable, Callable

import anyio.lowlevel
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.sandbox import wire
from masivo_stream.sandbox.account_reads import list_rewards, list_tiers
from masivo_stream.sandbox.fault_bodies import fill
from masivo_stream.sandbox.fault_injection import ExchangeFaults
from masivo_stream.sandbox.fault_types import CallTarget
from masivo_stream.sandbox.http_answers import JSON, SandboxAnswer, answer, refusal
from masivo_stream.sandbox.openapi import document
from masivo_stream.sandbox.sandbox_clock import SandboxClock, SandboxSystemClock
from masivo_stream.sandbox.sandbox_options import SandboxOptions, is_loopback
from masivo_stream.sandbox.service import Service

BASE_PATH = urllib.parse.urlsplit(contract.BASE_URL).path
"""The path of the API on its host; the sandbox has the same."""

SERVICES = web.AppKey("services", tuple[Service, ...])
"""The accounts behind an application."""

_NO_FAULTS = ExchangeFaults()

Handle = Callable[[Service, web.Request, ExchangeFaults], Awaitable[SandboxAnswer]]


class Call(Struct, frozen=True, kw_only=True):
    """One call of the API."""

    target: CallTarget
    method: str
    path: str
    """Below the base path; `{id}` is a customer's id."""
    handle: Handle


def build_app(options: SandboxOptions, clock: SandboxClock | None = None) -> web.Application:
    """Return the application of one sandbox; its store is open until the application is cleaned up.

    Raises:
        ConfigurationError: the store cannot be used.
    """
    # One byte more than the limit: some versions of aiohttp refuse a body of this size, others only a larger one.
    app = web.Application(middlewares=[_in_json, _this_machine_only], client_max_size=options.max_body_bytes + 1)
    clock = clock or SandboxSystemClock()
    app[SERVICES] = tuple(Service(options.of_account(number), clock) for number in range(1, options.accounts + 1))
    for call in _CALLS:
        app.router.add_route(call.method, BASE_PATH + _any_id(call.path), _exchange(call))
    app.router.add_route("GET", contract.AUTHORIZE_PATH, _exchange(_AUTHORIZE))
    app.router.add_route("GET", "/openapi.json", _openapi)
    app.router.add_route("GET", "/__sandbox/openapi.json", _openapi)
    app.router.add_route("GET", "/__sandbox/health", _health)
    app.router.add_route("GET", "/__sandbox/ledger", _ledger)
    app.router.add_route("GET", "/__sandbox/requests", _requests)
    app.router.add_route("POST", _any_id("/__sandbox/customers/{id}/transactions"), _native_transaction)
    app.on_cleanup.append(_close)
    return app


def _any_id(path: str) -> str:
    """Let an id be any text without a slash: by default, aiohttp does not match braces."""
    return path.replace("{id}", "{id:[^/]+}")


async def _close(app: web.Application) -> None:
    for service in app[SERVICES]:
        service.store.close()


def _account_of(request: web.Request) -> Service:
    """Return the account that a key or token opens; the first one, which refuses it, if it opens none."""
    services = request.app[SERVICES]
    if len(services) == 1:
        return services[0]
    return next((each for each in services if each.access.opens(request.headers)), services[0])


def _account_asked(request: web.Request) -> Service:
    """Return the account that `?account=N` names; the first one if it names none.

    Raises:
        HTTPNotFound: there is no such account.
    """
    services, number = request.app[SERVICES], request.query.get("account", "1")
    if not number.isdecimal() or not 1 <= int(number) <= len(services):
        raise web.HTTPNotFound(reason="no such account")
    return services[int(number) - 1]


@web.middleware
async def _in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give aiohttp's own refusals (unknown path, wrong method, too large) the API's form."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return wire.make_response(refusal(error.status, error.reason, headers))


@web.middleware
async def _this_machine_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.app[SERVICES][0].options.allow_remote or is_loopback(_host_name(request)):
        return await handler(request)
    return wire.make_response(
        refusal(403, "this sandbox answers to the names of its own machine only (--allow-remote)")
    )


def _host_name(request: web.Request) -> str:
    try:
        return urllib.parse.urlsplit("//" + request.headers.get("Host", "")).hostname or ""
    except ValueError:  # brackets without an address
        return ""


def _exchange(call: Call) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        service = _account_of(request)
        draw_on_arrival = service.injector.draw_on_arrival(call.target)
        if draw_on_arrival.delay:
            await service.clock.sleep(draw_on_arrival.delay)
        arrived = service.clock.monotonic()
        if draw_on_arrival.cut:
            _note(service, call, request, "reset", arrived)
            return wire.reset_connection(request)
        access = service.access.check(call.target, request.headers, arrived=arrived, now=service.clock.wall())
        if access.refused is not None:
            faults, given = _NO_FAULTS, access.refused
        else:
            faults = service.injector.draw_for_exchange(call.target)
            given = await _answer_of_gateway(request, faults) or await _perform(call, service, request, faults)
        given = msgspec.structs.replace(given, headers={**given.headers, **access.headers})
        _note(service, call, request, wire.outcome_word(given, faults.ending), arrived)
        if faults.delay:
            await service.clock.sleep(faults.delay)
        return await wire.send(request, given, faults, service.clock)

    return handle


async def _answer_of_gateway(request: web.Request, faults: ExchangeFaults) -> SandboxAnswer | None:
    """Return the answer of a gateway or firewall in front of the API, or None if the request reaches the API."""
    if faults.no_slash is not None and "%2f" in request.raw_path.lower():
        return fill(faults.no_slash.body, 404, "there is no such path")
    if faults.firewalls:
        try:
            seen = request.raw_path.encode() + await _bytes(request)
        except web.HTTPException as error:
            return refusal(error.status, error.reason)
        for firewall in faults.firewalls:
            if firewall.text.encode() in seen:
                return wire.fault_answer(firewall.page)
    return None


def _note(service: Service, call: Call, request: web.Request, outcome: str, arrived: float) -> None:
    service.note(call.target, call.method, call.path, outcome, arrived=arrived, length=request.content_length)


async def _perform(call: Call, service: Service, request: web.Request, faults: ExchangeFaults) -> SandboxAnswer:
    """Perform the call. If a fault says that the request takes no effect, only read it."""
    try:
        if faults.applies:
            return await call.handle(service, request, faults)
        await _bytes(request)
    except web.HTTPException as error:
        return refusal(error.status, error.reason)
    return SandboxAnswer(status=200)


async def _body(request: web.Request) -> bytes:
    """Read a JSON body.

    Raises:
        HTTPException: 415 or 413; 400 if the transfer is broken.
    """
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(reason="expected a body of type application/json")
    most = request.app[SERVICES][0].options.max_body_bytes
    size = request.content_length or 0
    if size <= most:  # a body that is announced as too large is not read
        body = await _bytes(request)
        size = len(body)
    if size > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
    return body


async def _bytes(request: web.Request) -> bytes:
    try:
        return await request.read()
    except (
        web.RequestPayloadError,
        OSError,
    ) as error:  # wrong length, or the client has disconnected
        raise web.HTTPBadRequest(reason="the body does not arrive as announced") from error


async def _authorize(service: Service, _: web.Request, faults: ExchangeFaults) -> SandboxAnswer:
    return service.authorize(faults)


async def _revert(service: Service, request: web.Request, _: ExchangeFaults) -> SandboxAnswer:
    return await service.revert(await _body(request))


async def _customer(service: Service, request: web.Request, _: ExchangeFaults) -> SandboxAnswer:
    return service.customer(request.match_info["id"])


async def _transactions(service: Service, request: web.Request, _: ExchangeFaults) -> SandboxAnswer:
    return service.transactions(request.match_info["id"], request.query)


async def _rewards(_: Service, request: web.Request, __: ExchangeFaults) -> SandboxAnswer:
    return list_rewards(request.query)


async def _tiers(_: Service, __: web.Request, ___: ExchangeFaults) -> SandboxAnswer:
    return list_tiers()


async def _all_transactions(service: Service, request: web.Request, _: ExchangeFaults) -> SandboxAnswer:
    return service.list_transactions(request.query)


def _migrate(kind: Kind) -> Call:
    async def handle(service: Service, request: web.Request, faults: ExchangeFaults) -> SandboxAnswer:
        return await service.migrate(kind, await _body(request), faults)

    return Call(target=CallTarget(kind.value), method="POST", path=CONTRACTS[kind].path, handle=handle)


_AUTHORIZE = Call(target=CallTarget.AUTH, method="GET", path=contract.AUTHORIZE_PATH, handle=_authorize)
_CALLS = (
    _AUTHORIZE,
    *map(_migrate, Kind),
    Call(target=CallTarget.REVERT, method="DELETE", path=contract.REVERT_PATH, handle=_revert),
    Call(
        target=CallTarget.READ,
        method="GET",
        path=contract.customer_transactions_path("{id}"),
        handle=_transactions,
    ),
    Call(target=CallTarget.READ, method="GET", path=contract.customer_path("{id}"), handle=_customer),
    Call(target=CallTarget.READ, method="GET", path=contract.REWARDS_PATH, handle=_rewards),
    Call(target=CallTarget.READ, method="GET", path=contract.TIERS_PATH, handle=_tiers),
    Call(target=CallTarget.READ, method="GET", path=contract.TRANSACTIONS_PATH, handle=_all_transactions),
)


async def _openapi(request: web.Request) -> web.StreamResponse:
    return web.json_response(document(request.app[SERVICES][0].options.discounted_value))


async def _health(_: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok"})


async def _requests(request: web.Request) -> web.StreamResponse:
    return wire.make_response(answer(200, {"requests": list(_account_asked(request).noted)}))


async def _ledger(request: web.Request) -> web.StreamResponse:
    """Send the ledger page by page; other requests are served in between."""
    service = _account_asked(request)
    try:
        kinds = tuple(map(Kind, request.query.getall("kind", [])))
    except ValueError:
        return wire.make_response(refusal(422, f"kind: expected one of {', '.join(Kind)}"))
    response = web.StreamResponse()
    response.content_type = JSON
    await response.prepare(request)
    for piece in service.store.ledger.pieces(service.clock.wall(), kinds or tuple(Kind)):
        await response.write(piece)
        await anyio.lowlevel.checkpoint()
    await response.write_eof()
    return response


async def _native_transaction(request: web.Request) -> web.StreamResponse:
    return wire.make_response(_account_asked(request).add_native(request.match_info["id"], await _body(request)))
