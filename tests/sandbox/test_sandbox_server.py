import asyncio
import contextlib
import logging
import socket

import aiohttp
import pytest

from masivo_stream.model.contract import SANDBOX_API_KEY
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.sandbox import SandboxOptions, running, serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])  # noqa: S104 - refused
def test_only_this_machine_is_served(host):
    """Another address is refused, and the error names the flag that allows it."""
    with pytest.raises(ValueError, match="--allow-remote"):
        SandboxOptions(host=host)


async def test_other_addresses_can_be_allowed():
    """`allow_remote` lets it listen on any address."""
    async with running(SandboxOptions(host="0.0.0.0", allow_remote=True)) as sandbox:  # noqa: S104 - on purpose
        assert sandbox.port > 0


async def test_a_running_sandbox_knows_its_address():
    """Origin, base URL, port and key work; afterwards the port is closed."""
    async with running(SandboxOptions()) as sandbox, aiohttp.ClientSession() as session:
        assert sandbox.origin == f"http://127.0.0.1:{sandbox.port}"
        assert sandbox.url == sandbox.origin + "/api/storefront/v1"
        assert sandbox.api_key == SANDBOX_API_KEY
        headers = {"x-api-key": sandbox.api_key}
        async with session.get(sandbox.url + "/auth/authorize", headers=headers) as response:
            assert response.status == 200
        async with session.get(sandbox.origin + "/__sandbox/health") as response:
            assert await response.json() == {"status": "ok"}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((sandbox.host, sandbox.port), timeout=1)


async def test_an_ipv6_address_is_in_brackets():
    """An IPv6 address is in brackets in the URL."""
    try:
        async with running(SandboxOptions(host="::1")) as sandbox, aiohttp.ClientSession() as session:
            assert sandbox.origin == f"http://[::1]:{sandbox.port}"
            async with session.get(sandbox.origin + "/__sandbox/health") as response:
                assert response.status == 200
    except ConfigurationError:
        pytest.skip("this machine has no IPv6")


async def test_a_taken_port_is_reported():
    """The error names the address and the remedy."""
    async with running(SandboxOptions()) as sandbox:
        with pytest.raises(ConfigurationError, match=str(sandbox.port)) as caught:
            async with running(SandboxOptions(port=sandbox.port)):
                pass
        assert "--port" in caught.value.hint


async def test_serve_writes_the_port_and_ends_when_cancelled(tmp_path):
    """The whole file exists before `ready` is called; it goes when the sandbox ends, and one of before at its start."""
    file, ready = tmp_path / "port", asyncio.Queue()
    file.write_text("1\n")
    async with running(SandboxOptions()) as other:
        with pytest.raises(ConfigurationError):
            await serve(SandboxOptions(port=other.port, port_file=str(file)))
    assert not file.exists()
    task = asyncio.create_task(serve(SandboxOptions(port_file=str(file)), ready.put_nowait))
    sandbox = await ready.get()
    assert file.read_text() == f"{sandbox.port}\n"
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((sandbox.host, sandbox.port), timeout=1)


async def test_a_port_file_that_cannot_be_written_ends_it(tmp_path):
    """A missing directory is an error, not a sandbox that no program finds."""
    with pytest.raises(ConfigurationError) as caught:
        await serve(SandboxOptions(port_file=str(tmp_path / "missing" / "port")))
    assert caught.value.place.endswith("missing/port")


async def test_nothing_personal_is_logged(caplog, start):
    """Neither valid nor malformed requests leave any of their content in the log."""
    caplog.set_level(logging.DEBUG)
    client = await start()
    await client.customers({"id": "secret-id", "email": "secret@example.test"})
    await client.call("GET", "/customers/secret-id")
    await client.call("POST", "/customers/migrate", b"secret", **{"Content-Encoding": "gzip"})
    reader, writer = await asyncio.open_connection(client.sandbox.host, client.sandbox.port)
    writer.write("GET /customers/secret-ñ HTTP/1.1\r\n\r\n".encode())
    assert b" 400 " in await reader.readline()
    writer.close()
    assert "secret" not in caplog.text
