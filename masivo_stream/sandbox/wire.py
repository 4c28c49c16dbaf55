"""Put an answer on the network, or what a broken network makes of it."""

import socket
import struct
from collections.abc import Iterator

from aiohttp import web

from masivo_stream.model.contract import RETRY_AFTER_HEADER
from masivo_stream.sandbox.answers import Answer, refusal
from masivo_stream.sandbox.chaos import Ending
from masivo_stream.sandbox.clock import Clock
from masivo_stream.sandbox.faults import Cut, Drip, Empty, Garbage, Hang, Html, Redirect, Reset, Status

_DRIPS = 50
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close sends RST
_NO_HTTP = b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n"  # a TLS alert, as a confused proxy sends
_PORTAL = b"<!doctype html><title>Sign in</title><p>Please sign in to use this network.</p>"


def plain(answer: Answer) -> web.Response:
    """Return the answer as it is meant."""
    return web.Response(
        status=answer.status, body=answer.body, content_type=answer.content_type, headers=answer.headers
    )


def cut(request: web.Request) -> web.Response:
    """Reset the connection: the peer sees RST. What is returned goes nowhere."""
    if request.transport is not None:
        peer: socket.socket = request.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


def outcome(answer: Answer, ending: Ending | None) -> str:
    """Name what the client gets to see, for the ledger: a status, or the fault in its place."""
    match ending:
        case Status(code=code) | Redirect(code=code):
            return str(code)
        case Reset() | Hang() | Garbage() | Drip() | Html():
            return type(ending).__name__.lower()
        case _:
            return str(answer.status)


def spoil(answer: Answer, ending: Ending | None, target: str) -> Answer:
    """Return what is answered in place of `answer`; `target` is the request's path and query."""
    match ending:
        case Status(code=code, retry_after=None):
            return refusal(code, "the sandbox was told to", answer.headers)
        case Status(code=code, retry_after=str(text)):
            return refusal(code, "the sandbox was told to", {**answer.headers, RETRY_AFTER_HEADER: text})
        case Redirect(code=code, to=origin):
            return refusal(code, "elsewhere", {"Location": origin + target})
        case Html():
            return Answer(status=200, body=_PORTAL, content_type="text/html")
        case Empty():
            return Answer(status=answer.status, headers=answer.headers)
        case _:
            return answer


async def send(request: web.Request, answer: Answer, ending: Ending | None, clock: Clock) -> web.Response:
    """Answer the request, through a network as `ending` has it."""
    match ending:
        case Reset(when=Cut.MID):
            return _say(request, _bytes_of(answer)[: -(len(answer.body) // 2 + 1)])
        case Reset(when=Cut.STATUS):
            return _say(request, b"HTTP/1.1 20")
        case Reset():
            return cut(request)
        case Hang(seconds=seconds):
            await clock.sleep(seconds)
            return cut(request)
        case Garbage():
            return _say(request, _NO_HTTP)
        case Drip(seconds=seconds):
            return await _drip(request, _bytes_of(answer), seconds, clock)
        case _:
            return plain(spoil(answer, ending, request.path_qs))


def _say(request: web.Request, raw: bytes) -> web.Response:
    """Write bytes past the HTTP machinery and close the connection after them."""
    if request.transport is not None:
        request.transport.write(raw)
        request.transport.close()
    return web.Response()


async def _drip(request: web.Request, raw: bytes, seconds: float, clock: Clock) -> web.Response:
    for piece in _pieces(raw):
        if request.transport is None or request.transport.is_closing():
            break
        request.transport.write(piece)
        await clock.sleep(seconds / _DRIPS)
    return _say(request, b"")


def _pieces(raw: bytes) -> Iterator[bytes]:
    size = -(-len(raw) // _DRIPS)
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def _bytes_of(answer: Answer) -> bytes:
    head = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "Connection": "close",
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status} Sandbox"]  # the phrase means nothing to anybody
    lines += [f"{name}: {value}" for name, value in head.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body
