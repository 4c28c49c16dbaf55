"""Send an answer, or what a broken network makes of it."""

import socket
import struct
from collections.abc import Iterator

import msgspec
from aiohttp import web

from masivo_stream.model.contract import RETRY_AFTER_HEADER
from masivo_stream.sandbox.fault_bodies import Content, fill, pack
from masivo_stream.sandbox.fault_injection import Ending, ExchangeFaults
from masivo_stream.sandbox.fault_types import CutPoint, Drip, Empty, Garbage, Hang, Html, Redirect, Reset, StatusFault
from masivo_stream.sandbox.http_answers import SandboxAnswer, refusal
from masivo_stream.sandbox.sandbox_clock import SandboxClock

_DRIPS = 50
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close sends RST
_NOTHING = SandboxAnswer(status=200)
_NO_HTTP = b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n"  # a TLS alert, such as a misconfigured proxy sends


def make_response(answer: SandboxAnswer) -> web.Response:
    """Return the answer without any fault."""
    headers = {"Content-Type": answer.content_type} if answer.content_type else {}
    found = web.Response(status=answer.status, body=answer.body, headers={**headers, **answer.headers})
    if not answer.content_type:
        found.headers.popall("Content-Type", None)
    return found


def reset_connection(request: web.Request) -> web.Response:
    """Reset the connection: the peer sees RST. The returned response is never sent."""
    if request.transport is not None:
        peer: socket.socket = request.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


def outcome_word(answer: SandboxAnswer, ending: Ending | None) -> str:
    """Return what the client sees, for the ledger: a status, or the name of the fault in its place."""
    match ending:
        case StatusFault(code=code) | Redirect(code=code):
            return str(code)
        case Reset() | Hang() | Garbage() | Drip() | Html():
            return type(ending).__name__.lower()
        case _:
            return str(answer.status)


def replace_answer(answer: SandboxAnswer, ending: Ending | None, target: str) -> SandboxAnswer:
    """Return the answer that the fault puts in place of `answer`; `target` is the request's path and query."""
    match ending:
        case StatusFault():
            return fault_answer(ending, answer)
        case Redirect(code=code, to=origin):
            return refusal(code, "elsewhere", {"Location": origin + target})
        case Html(code=code):
            return _with_sender(fill(Content.PAGE, code, ""), ending)
        case Empty():
            return SandboxAnswer(status=answer.status, headers=answer.headers)
        case _:
            return answer


def fault_answer(ending: StatusFault, answer: SandboxAnswer = _NOTHING) -> SandboxAnswer:
    """Return the answer of a status fault in place of `answer`."""
    words = "an injected fault of the sandbox"
    refused = ending.body is Content.REFUSAL
    given = refusal(ending.code, words) if refused else fill(ending.body, ending.code, words)
    wait = {} if ending.retry_after is None else {RETRY_AFTER_HEADER: ending.retry_after}
    return _with_sender(msgspec.structs.replace(given, headers={**answer.headers, **wait}), ending)


def _with_sender(answer: SandboxAnswer, ending: StatusFault | Html) -> SandboxAnswer:
    """Return the answer with the type and the headers that the fault asks for."""
    names = {name: text for name, text in (("Server", ending.server), ("CF-Ray", ending.ray)) if text}
    kind = answer.content_type if ending.type is None else ending.type
    return msgspec.structs.replace(answer, content_type=kind, headers={**answer.headers, **names})


async def send(
    request: web.Request, answer: SandboxAnswer, faults: ExchangeFaults, clock: SandboxClock
) -> web.Response:
    """Answer the request, with `faults`."""
    ending = faults.ending
    for packing in faults.packings:
        answer = pack(replace_answer(answer, ending, request.path_qs), packing)
        if isinstance(ending, StatusFault | Html | Redirect | Empty):
            ending = None
    match ending:
        case Reset(when=CutPoint.MID):
            return _write_raw(request, _bytes_of(answer)[: -(len(answer.body) // 2 + 1)])
        case Reset(when=CutPoint.STATUS):
            return _write_raw(request, b"HTTP/1.1 20")
        case Reset():
            return reset_connection(request)
        case Hang(seconds=seconds):
            await clock.sleep(seconds)
            return reset_connection(request)
        case Garbage():
            return _write_raw(request, _NO_HTTP)
        case Drip(seconds=seconds):
            return await _drip(request, _bytes_of(answer), seconds, clock)
        case _:
            return make_response(replace_answer(answer, ending, request.path_qs))


def _write_raw(request: web.Request, raw: bytes) -> web.Response:
    """Write bytes directly to the transport, and close the connection after them."""
    if request.transport is not None:
        request.transport.write(raw)
        request.transport.close()
    return web.Response()


async def _drip(request: web.Request, raw: bytes, seconds: float, clock: SandboxClock) -> web.Response:
    for piece in _pieces(raw):
        if request.transport is None or request.transport.is_closing():
            break
        request.transport.write(piece)
        await clock.sleep(seconds / _DRIPS)
    return _write_raw(request, b"")


def _pieces(raw: bytes) -> Iterator[bytes]:
    size = -(-len(raw) // _DRIPS)
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def _bytes_of(answer: SandboxAnswer) -> bytes:
    head = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "Connection": "close",
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status} Sandbox"]  # clients ignore the phrase
    lines += [f"{name}: {value}" for name, value in head.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body
