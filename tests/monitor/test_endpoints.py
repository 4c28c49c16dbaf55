"""The HTTP answers: every path, which requests are refused, and what a failure does."""

import asyncio
import json

import made_snapshots
import msgspec
import pytest
from monitor.watched import LOOPBACK, Painted, RememberingObserver, ask, say, watched

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.notices import MonitorFailed, MonitorListens
from masivo_stream.model.snapshot import RunSnapshot, Wait
from masivo_stream.model.summary import Summary
from masivo_stream.monitor.address import Address
from masivo_stream.monitor.monitor_server import MOST_CONNECTIONS, run_monitored

PLACES = ("/", "/status.json", "/metrics", "/healthz", "/readyz")
DONE = Summary(outcome="complete", exit_code=0, kinds={}, closes=True)


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_path_answers_and_restricts_the_browser(path, method):
    """Each answer has its type and all headers that restrict a browser; HEAD has no body."""
    async with watched() as address:
        status, headers, body = await ask(address, path, method=method)
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["server"] == "masivo-stream"
    assert (len(body) > 0) == (method == "GET")
    assert int(headers["content-length"]) > 0


async def test_the_status_is_the_snapshot():
    """`/status.json` is the snapshot's fixed JSON form."""
    async with watched() as address:
        _, headers, body = await ask(address, "/status.json")
    assert headers["content-type"] == "application/json"
    assert msgspec.json.decode(body, type=RunSnapshot) == made_snapshots.WORKING


async def test_metrics_come_in_the_format_that_is_asked_for():
    """Text by default, OpenMetrics if the request accepts it."""
    async with watched() as address:
        _, plain, _ = await ask(address, "/metrics")
        wish = b"Accept: application/openmetrics-text; version=1.0.0\r\n"
        _, opened, body = await ask(address, "/metrics", more=wish)
    assert plain["content-type"].startswith("text/plain")
    assert opened["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (made_snapshots.EARLY, 503),
        (made_snapshots.BEGUN, 200),
        (made_snapshots.WAITING, 200),
        (msgspec.structs.replace(made_snapshots.WORKING, wait=Wait(what="drain")), 503),
        (made_snapshots.DONE, 503),
    ],
)
async def test_the_run_is_ready_while_it_works(snapshot, status):
    """Not before the state is open, not while it stops, not after the end; it is alive all the time."""
    async with watched(Painted(snapshot)) as address:
        assert (await ask(address, "/readyz"))[0] == status
        assert (await ask(address, "/healthz"))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_nothing_can_be_changed(method):
    """Only GET and HEAD are answered, at every path."""
    async with watched() as address:
        for path in PLACES:
            status, headers, _ = await ask(address, path, method=method)
            assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
async def test_a_foreign_host_name_is_refused(host):
    """A name of DNS rebinding is refused at every path; the name it listens on is accepted."""
    async with watched() as address:
        for path in PLACES:
            status, _, body = await ask(address, path, host=host)
            assert status == 421
            assert b"masivo" not in body
    async with watched(listening=Address("host.example", 0)) as address:
        assert (await ask(address, "/healthz", host=host))[0] == 421
        assert (await ask(address, "/healthz", host="Host.example:80"))[0] == 200


@pytest.mark.parametrize(
    "path", ["/nowhere", "/status.json/", "//evil.example/", "/%2e%2e/%2e%2e/etc/passwd", "/page.css"]
)
async def test_no_files_are_served(path):
    """No files are served."""
    async with watched() as address:
        assert (await ask(address, path))[0] == 404


@pytest.mark.parametrize(
    "words",
    [
        b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
async def test_nonsense_is_refused_and_not_logged(words, capfd):
    """Bytes that are not HTTP are answered 4xx or cut off; nothing of them reaches the log or the observer."""
    observer = RememberingObserver()
    async with watched(observer=observer) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(words)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 100)
        writer.close()
        assert answer == b"" or answer.split()[1].startswith(b"4")
        assert (await ask(address, "/healthz"))[0] == 200
    assert observer.notices == []
    assert capfd.readouterr() == ("", "")


async def test_a_failure_is_reported_once_and_ends_nothing():
    """Without its text, which may quote anything; the other paths still answer."""
    observer = RememberingObserver()
    async with watched(Painted(None), observer) as address:
        for _ in range(3):
            status, _, body = await ask(address, "/status.json")
            assert (status, body) == (500, b"this answer failed; the run goes on\n")
        assert (await ask(address, "/metrics"))[0] == 500
        assert (await ask(address, "/healthz"))[0] == 200
    assert observer.notices == [
        MonitorFailed(path="/status.json", error="RuntimeError"),
        MonitorFailed(path="/metrics", error="RuntimeError"),
    ]


async def test_a_waiting_request_learns_the_outcome():
    """A waiting request is answered at once when the run ends, with the last snapshot."""
    painted = Painted()
    async with watched(painted) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /status.json?wait=10 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await ask(address, "/healthz"))[0] == 200  # the request before it is being answered
        painted.shown = made_snapshots.DONE
    answer = await asyncio.wait_for(reader.read(), 100)
    writer.close()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["outcome"] == "dead_letters"


@pytest.mark.parametrize("wait", ["", "0", "-1", "x", "nan", "1e-9"])
async def test_an_invalid_wait_does_not_delay_the_answer(wait):
    """A text that is not a number of seconds does not delay the answer."""
    async with watched() as address:
        assert (await ask(address, f"/status.json?wait={wait}"))[0] == 200


async def test_many_connections_keep_no_probe_out():
    """A client with many open connections loses the oldest: a probe is always answered."""
    async with watched() as address:
        held = [await asyncio.open_connection(address.host, address.port) for _ in range(MOST_CONNECTIONS + 8)]
        assert (await ask(address, "/healthz"))[0] == 200
        assert await asyncio.wait_for(held[0][0].read(), 100) == b""
        for _, writer in held:
            writer.close()


async def test_the_work_continues_beside_the_monitor():
    """The work's result is returned, its observer gets the address, and the monitor answers meanwhile."""
    memory, seen = RememberingObserver(), []

    async def work(observer):
        url = memory.notices[0].url
        address = Address("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
        seen.append((await ask(address, "/healthz"))[0])
        observer.notify("something")
        return DONE

    assert await run_monitored(LOOPBACK, work, source=Painted(), observers=[memory]) == DONE
    assert seen == [200]
    listens, other = memory.notices
    assert isinstance(listens, MonitorListens)
    assert (listens.exposed, other) == (False, "something")


async def test_an_error_of_the_work_is_raised_unchanged():
    """The monitor does not wrap an error of the run."""

    async def work(observer):
        raise ConfigurationError("no", operation="migrate")

    with pytest.raises(ConfigurationError, match="no"):
        await run_monitored(LOOPBACK, work, source=Painted(), observers=[])


async def test_a_port_in_use_is_reported_before_the_work_begins():
    """A configuration error with place and hint; the work does not begin."""
    begun = []

    async def work(observer):
        begun.append(observer)
        return DONE

    async with watched() as address:
        with pytest.raises(ConfigurationError, match="cannot listen on 127") as caught:
            await run_monitored(address, work, source=Painted(), observers=[])
    assert begun == []
    assert caught.value.place == f"--monitor {address}"
    assert "choose another" in caught.value.hint


async def test_an_address_of_another_machine_is_reported():
    """The address of another machine ends the command, too."""
    with pytest.raises(ConfigurationError, match="cannot listen"):
        await run_monitored(Address("192.0.2.1", 0), lambda _: None, source=Painted(), observers=[])


async def test_two_requests_use_one_connection():
    """A page that polls every second needs no new connection each time."""
    async with watched() as address:
        question = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        _, _, body = await say(address, question + last)
    assert body.count(b"HTTP/1.1 200") == 1
    assert body.endswith(b"working\n")
