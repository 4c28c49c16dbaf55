"""The aiohttp application: turns requests into calls of the service and answers into bytes.

The order of an exchange: host, faults on arrival, arrival stamp, token, limits, body, rules, effect, faults on the
answer. No CORS headers, so that no web page can read from it; no other name than this machine's in `Host`, so
that no web page can rename itself into it (DNS rebinding).
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
from masivo_stream.sandbox.answers import JSON, SandboxAnswer, answer, refusal
from masivo_stream.sandbox.chaos import Course
from masivo_stream.sandbox.clock import SandboxClock, SandboxSystemClock
from masivo_stream.sandbox.contents import fill
from masivo_stream.sandbox.faults import CallTarget
from masivo_stream.sandbox.openapi import document
from masivo_stream.sandbox.options import SandboxOptions, is_loopback
from masivo_stream.sandbox.service import Service

BASE_PATH = urllib.parse.urlsplit(contract.BASE_URL).path
"""Where the API lives on its host; the sandbox keeps the path."""

SERVICE = web.AppKey("service", Service)
"""The account behind an application."""

_NO_COURSE = Course()

Handle = Callable[[Service, web.Request, Course], Awaitable[SandboxAnswer]]


class Call(Struct, frozen=True, kw_only=True):
    """One call of the API."""

    target: CallTarget
    method: str
    path: str
    """Under the base path; `{id}` stands for a customer's id."""
    handle: Handle


def build_app(options: SandboxOptions, clock: SandboxClock | None = None) -> web.Application:
    """Return the application of one sandbox; its store is open until the application is cleaned up.

    Raises:
        ConfigurationError: the store cannot be used.
    """
    # One byte more than we allow: some versions of aiohttp refuse what reaches the size, some what exceeds it.
    app = web.Application(middlewares=[_in_json, _this_machine_only], client_max_size=options.max_body_bytes + 1)
    app[SERVICE] = Service(options, clock or SandboxSystemClock())
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
    """Let an id be any text in a segment: what aiohttp matches by itself has no braces."""
    return path.replace("{id}", "{id:[^/]+}")


async def _close(app: web.Application) -> None:
    app[SERVICE].store.close()


@web.middleware
async def _in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what aiohttp refuses (unknown path, wrong method, too large) in the API's form."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return wire.plain(refusal(error.status, error.reason, headers))


@web.middleware
async def _this_machine_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.app[SERVICE].options.allow_remote or is_loopback(_host_name(request)):
        return await handler(request)
    return wire.plain(refusal(403, "this sandbox answers to the names of its own machine only (--allow-remote)"))


def _host_name(request: web.Request) -> str:
    try:
        return urllib.parse.urlsplit("//" + request.headers.get("Host", "")).hostname or ""
    except ValueError:  # brackets without an address
        return ""


def _exchange(call: Call) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        service = request.app[SERVICE]
        entrance = service.chaos.entrance(call.target)
        if entrance.delay:
            await service.clock.sleep(entrance.delay)
        arrived = service.clock.monotonic()
        if entrance.cut:
            _note(service, call, request, "reset", arrived)
            return wire.cut(request)
        door = service.door.judge(call.target, request.headers, arrived=arrived, now=service.clock.wall())
        if door.turned_away is not None:
            course, given = _NO_COURSE, door.turned_away
        else:
            course = service.chaos.course(call.target)
            given = await _on_the_way(request, course) or await _perform(call, service, request, course)
        given = msgspec.structs.replace(given, headers={**given.headers, **door.headers})
        _note(service, call, request, wire.outcome(given, course.ending), arrived)
        if course.delay:
            await service.clock.sleep(course.delay)
        return await wire.send(request, given, course, service.clock)

    return handle


async def _on_the_way(request: web.Request, course: Course) -> SandboxAnswer | None:
    """Return what a gateway or firewall answers in the API's place, None where it lets the request pass."""
    if course.no_slash is not None and "%2f" in request.raw_path.lower():
        return fill(course.no_slash.body, 404, "there is no such path")
    if course.firewalls:
        try:
            seen = request.raw_path.encode() + await _bytes(request)
        except web.HTTPException as error:
            return refusal(error.status, error.reason)
        for firewall in course.firewalls:
            if firewall.text.encode() in seen:
                return wire.told(firewall.page)
    return None


def _note(service: Service, call: Call, request: web.Request, outcome: str, arrived: float) -> None:
    service.note(call.target, call.method, call.path, outcome, arrived=arrived, length=request.content_length)


async def _perform(call: Call, service: Service, request: web.Request, course: Course) -> SandboxAnswer:
    """Do what the call asks for, or read the request and do nothing where the fault is that nothing is done."""
    try:
        if course.applies:
            return await call.handle(service, request, course)
        await _bytes(request)
    except web.HTTPException as error:
        return refusal(error.status, error.reason)
    return SandboxAnswer(status=200)


async def _body(request: web.Request) -> bytes:
    """Read a JSON body.

    Raises:
        HTTPException: 415 or 413; 400 where the transfer is broken.
    """
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(reason="expected a body of type application/json")
    most = request.app[SERVICE].options.max_body_bytes
    size = request.content_length or 0
    if size <= most:  # what is announced too large is not even read
        body = await _bytes(request)
        size = len(body)
    if size > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
    return body


async def _bytes(request: web.Request) -> bytes:
    try:
        return await request.read()
    except (web.RequestPayloadError, OSError) as error:  # not as announced, or the client went away
        raise web.HTTPBadRequest(reason="the body does not arrive as announced") from error


async def _authorize(service: Service, _: web.Request, course: Course) -> SandboxAnswer:
    return service.authorize(course)


async def _revert(service: Service, request: web.Request, _: Course) -> SandboxAnswer:
    return await service.revert(await _body(request))


async def _customer(service: Service, request: web.Request, _: Course) -> SandboxAnswer:
    return service.customer(request.match_info["id"])


async def _transactions(service: Service, request: web.Request, _: Course) -> SandboxAnswer:
    return service.transactions(request.match_info["id"], request.query)


def _migrate(kind: Kind) -> Call:
    async def handle(service: Service, request: web.Request, course: Course) -> SandboxAnswer:
        return await service.migrate(kind, await _body(request), course)

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
)


async def _openapi(request: web.Request) -> web.StreamResponse:
    return web.json_response(document(request.app[SERVICE].options.discounted_value))


async def _health(_: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok"})


async def _requests(request: web.Request) -> web.StreamResponse:
    return wire.plain(answer(200, {"requests": list(request.app[SERVICE].noted)}))


async def _ledger(request: web.Request) -> web.StreamResponse:
    """Send the ledger page by page; other requests are served in between."""
    service = request.app[SERVICE]
    try:
        kinds = tuple(map(Kind, request.query.getall("kind", [])))
    except ValueError:
        return wire.plain(refusal(422, f"kind: expected one of {', '.join(Kind)}"))
    response = web.StreamResponse()
    response.content_type = JSON
    await response.prepare(request)
    for piece in service.store.ledger.pieces(service.clock.wall(), kinds or tuple(Kind)):
        await response.write(piece)
        await anyio.lowlevel.checkpoint()
    await response.write_eof()
    return response


async def _native_transaction(request: web.Request) -> web.StreamResponse:
    return wire.plain(request.app[SERVICE].add_native(request.match_info["id"], await _body(request)))
