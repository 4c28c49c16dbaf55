"""Receivers of notifications, against real servers and programs: what they answer, and what they do not."""

import asyncio
import ssl
import sys
import time
from pathlib import Path

import pytest
from edges.raw_server import Peer, serving

from masivo_stream.edges.notify import CommandReceiver, NotTaken, UrlReceiver, shown_origin, split_command

BODY = b'{"schema":1}'


def answering_with(status, more=b""):
    async def play(peer: Peer):
        await peer.read_request()
        await peer.send(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n%s\r\n" % (status, more))

    return play


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_a_success_is_taken(status):
    """Whichever; the document is the body of a POST, at the path and query that were given."""
    async with serving(answering_with(status)) as server:
        assert await UrlReceiver(f"{server.url}/T000/secret?token=x").take(BODY) is None
        request = server.only
    assert (request.request_line, request.body) == ("POST /T000/secret?token=x HTTP/1.1", BODY)
    assert request.header("content-type") == "application/json"


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False), (410, False)]
)
async def test_another_answer_is_a_failure(status, again):
    """Some pass by themselves."""
    async with serving(answering_with(status)) as server:
        assert await UrlReceiver(server.url).take(BODY) == NotTaken(f"it answers {status}", again=again)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status):
    """Its answer would be that of another place."""
    async with serving(answering_with(status, b"Location: /elsewhere\r\n")) as server:
        refusal = await UrlReceiver(server.url).take(BODY)
        assert (refusal.again, "not followed" in refusal.why) == (False, True)
        assert len(server.peers) == 1


async def hang(peer: Peer):
    await peer.read_request()
    await peer.hang()


async def reset(peer: Peer):
    await peer.read_some(1)
    await peer.reset()


async def nonsense(peer: Peer):
    await peer.read_request()
    await peer.send(b"this is no HTTP\r\n\r\n")


@pytest.mark.parametrize(("play", "why"), [(hang, "in time"), (reset, "no connection"), (nonsense, "no connection")])
async def test_a_server_that_does_not_answer_is_left(play, why):
    """After its timeout, and with nothing of the URL in the cause."""
    async with serving(play) as server:
        refusal = await UrlReceiver(f"{server.url}/secret", timeout=0.2).take(BODY)
    assert (why in refusal.why, refusal.again, "secret" in refusal.why) == (True, True, False)


async def test_a_server_that_is_not_there_may_come_back():
    """A refused connection, and a name that does not exist."""
    async with serving(hang) as server:
        url = server.url
    assert await UrlReceiver(url).take(BODY) == NotTaken("connection refused", again=True)
    refusal = await UrlReceiver("http://nowhere.invalid/secret", timeout=2).take(BODY)
    assert (refusal.again, "secret" in refusal.why) == (True, False)


async def test_certificates_are_verified(certify, server_tls):
    """A trusted one is taken; another one is not, and is not tried again."""
    certificate = certify("IP:127.0.0.1")
    async with serving(answering_with(204), tls=server_tls(certificate)) as server:
        trusted = ssl.create_default_context(cafile=str(certificate))
        assert await UrlReceiver(server.url, tls=trusted).take(BODY) is None
        refusal = await UrlReceiver(server.url).take(BODY)
        assert (refusal.again, "certificate" in refusal.why) == (False, True)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/T0/B0/secret?token=x#y", "https://hooks.example.com"),
        ("https://user:password@hooks.example.com:8443/x", "https://hooks.example.com:8443"),
        ("http://[::1]:9/x", "http://[::1]:9"),
    ],
)
def test_only_the_origin_of_a_url_is_shown(url, shown):
    """User, path and query may be a password."""
    assert shown_origin(url) == shown == UrlReceiver(url).name


async def test_a_command_gets_the_document_and_no_secret(tmp_path, monkeypatch):
    """On its standard input; words are what they are, there is no shell; its output goes nowhere."""
    for name in ("API_KEY", "API_KEY_SHOP", "TOKEN", "NOTIFY"):
        monkeypatch.setenv(f"MASIVO_{name}", "hush")
    script = tmp_path / "receive.py"
    script.write_text(
        "import os, sys, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'got')!r}).write_bytes(sys.stdin.buffer.read() + repr(sys.argv[1:]).encode()"
        " + str(sorted(n for n in os.environ if n.startswith('MASIVO_'))).encode())\n"
        "print('noise'); print('noise', file=sys.stderr)\n"
    )
    command = split_command(f"{sys.executable} {script} '$HOME; ls' a\\ b")
    receiver = CommandReceiver(command)
    assert await receiver.take(BODY) is None
    assert (tmp_path / "got").read_bytes() == BODY + b"['$HOME; ls', 'a b'][]"
    assert receiver.name == Path(sys.executable).name


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["false"], "it ended with 1"),
        (["/nowhere/program"], "it cannot be started: No such file or directory"),
        (["/"], "it cannot be started: Permission denied"),
    ],
)
async def test_a_command_that_fails_is_not_started_again(words, why):
    """It may have done something."""
    assert await CommandReceiver(words).take(BODY) == NotTaken(why, again=False)


async def test_a_command_that_does_not_read_is_no_failure():
    """What it was for is its own business."""
    assert await CommandReceiver(["true"]).take(b"x" * 1_000_000) is None


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path):
    """Its timeout is the last word."""
    noted = tmp_path / "pid"
    words = ["sh", "-c", f"sleep 60 & echo $! > {noted}; wait"]
    began = time.monotonic()
    refusal = await CommandReceiver(words, timeout=0.5).take(BODY)
    assert refusal == NotTaken("it was killed after 0.5 s", again=False)
    assert time.monotonic() - began < 10
    child = Path("/proc") / noted.read_text().strip() / "cmdline"
    for _ in range(200):
        if not child.exists() or not child.read_bytes():  # gone, or dead and not waited for
            return
        await asyncio.sleep(0.01)
    raise AssertionError("what the command has started goes on")
