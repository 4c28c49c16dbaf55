"""TLS: a server that cannot prove who it is gets nothing, and that is not an outage."""

import asyncio
import ssl

import pytest
from edges.raw_server import Peer, answer, answering, serving

from masivo_stream.core.sending.classify import classify
from masivo_stream.model.attempt import Answer, Body, Cause, Failure, Stop, Unreachable
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode

HERE = "IP:127.0.0.1"
HANDSHAKE_FAILED = [Failure(cause=cause, sent=False) for cause in (Cause.TLS, Cause.RESET)]


async def test_a_trusted_certificate_is_accepted(connect, certify, server_tls):
    """`ca_file` names the authority; the request goes through."""
    certificate = certify(HERE)
    async with serving(answering(answer()), tls=server_tls(certificate)) as server:
        client = await connect(server.url, ca_file=str(certificate))
        assert await client.migrate(Kind.EVENTS, b"{}", "the-token") == Answer(status=201, body=Body.OBJECT)
        assert server.only.body == b"{}"


@pytest.mark.parametrize(
    ("served", "trusted"),
    [
        pytest.param(HERE, None, id="self-signed"),
        pytest.param(HERE, "DNS:other.example", id="another authority"),
        pytest.param("DNS:other.example", "DNS:other.example", id="another host's"),
    ],
)
@pytest.mark.parametrize("call", ["migrate", "authorize"])
async def test_an_untrusted_certificate_stops_the_run(connect, certify, server_tls, served, trusted, call):
    """It may be an interception: nothing is sent, no key, no token, and nothing is repeated."""
    certificate = certify(served)
    ca_file = str(certificate if trusted == served else certify(trusted)) if trusted else ""
    async with serving(answering(answer()), tls=server_tls(certificate)) as server:
        client = await connect(server.url, ca_file=ca_file)
        arguments = (Kind.EVENTS, b"{}") if call == "migrate" else ("key",)
        reply = await getattr(client, call)(*arguments, *([] if call == "authorize" else ["the-token"]))
        assert server.peers == []
    attempt = reply if call == "migrate" else reply.attempt
    assert attempt == Failure(cause=Cause.CERTIFICATE, sent=False)
    outcome = classify(attempt)
    assert isinstance(outcome, Stop)
    assert (outcome.exit_code, outcome.in_doubt) == (ExitCode.DENIED, False)


async def reset(peer: Peer) -> None:
    await peer.read_some(1)
    await peer.reset()


async def plain_text(peer: Peer) -> None:
    await peer.read_some(1)
    await peer.send(b"HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\n\r\n")


async def leave(peer: Peer) -> None:
    await peer.read_some(1)


@pytest.mark.parametrize("play", [reset, plain_text, leave])
async def test_a_handshake_that_fails_sent_nothing(connect, play):
    """No application data can have left: safe to send again."""
    departures = []
    async with serving(play) as server:
        client = await connect(server.url.replace("http:", "https:"))
        attempt = await client.migrate(Kind.EVENTS, b"{}", "the-token", lambda: departures.append(1))
    assert attempt in HANDSHAKE_FAILED
    assert isinstance(classify(attempt), Unreachable)
    assert departures == []


@pytest.mark.slow
async def test_a_hanging_handshake_is_a_connect_timeout(connect):
    """The connect timeout covers it."""

    async def play(_peer: Peer) -> None:
        await asyncio.sleep(60)

    async with serving(play) as server:
        client = await connect(server.url.replace("http:", "https:"), connect_timeout=0.2)
        async with asyncio.timeout(50):
            attempt = await client.migrate(Kind.EVENTS, b"{}", "the-token")
    assert attempt == Failure(cause=Cause.CONNECT_TIMEOUT, sent=False)


async def test_old_versions_of_tls_are_refused(connect, certify, server_tls):
    """TLS 1.2 is the least; an older server gets nothing."""
    certificate = certify(HERE)
    context = server_tls(certificate)
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(answering(answer()), tls=context) as server:
        client = await connect(server.url, ca_file=str(certificate))
        attempt = await client.migrate(Kind.EVENTS, b"{}", "the-token")
        assert server.peers == []
    assert attempt in HANDSHAKE_FAILED


def test_the_default_context_is_as_strict():
    """Without `ca_file` the HTTP client's own context serves, made by this call.

    Debian's Pythons leave the version to OpenSSL, which since 3.0 takes TLS before 1.2 at security level 0 only (its
    migration guide, "Legacy algorithms").
    """
    context = ssl.create_default_context()
    by_openssl = ssl.OPENSSL_VERSION_INFO >= (3,) and context.security_level > 0
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2 or by_openssl
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_an_unusable_authority_file_is_reported_at_once(connect, tmp_path, content):
    """Missing, empty or something else: a configuration error that names the file."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        await connect("https://127.0.0.1:1", ca_file=str(file))
    assert caught.value.place == f"ca_file = {file}"
