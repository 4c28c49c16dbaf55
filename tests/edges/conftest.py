"""A world for the edges: API clients that close with their test, and certificates for servers on this machine."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from masivo_stream.edges.api import ApiClient, open_api
from masivo_stream.model.settings import ApiSettings

Connect = Callable[..., Awaitable[ApiClient]]
Certify = Callable[[str], Path]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open clients with the settings that matter to a test; they close with it."""
    async with AsyncExitStack() as stack:

        async def connect(base_url: str, **settings: object) -> ApiClient:
            defaults = {
                "request_timeout": 100.0,
                "connect_timeout": 50.0,
            }
            reuse = bool(settings.pop("reuse", False))
            chosen = ApiSettings(base_url=base_url, **(defaults | settings))
            return await stack.enter_async_context(open_api(chosen, reuse=reuse))

        yield connect


@pytest.fixture(scope="session")
def certify(tmp_path_factory: pytest.TempPathFactory) -> Certify:
    """Make self-signed certificates for a subject alternative name; key and certificate are in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")

    def certify(name: str) -> Path:
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        names = ["-subj", "/CN=test", "-addext", f"subjectAltName={name}"]
        command = [openssl, *request, *names, "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        both = folder / f"{name.replace(':', '-')}.pem"
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        return both

    return certify


@pytest.fixture
def server_tls() -> Callable[[Path], ssl.SSLContext]:
    """Return a server's TLS context for a certificate."""

    def context(certificate: Path) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(certificate)
        return made

    return context


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a file system of 64 KiB, where this user may; it goes with the test."""
    disk = tmp_path / "disk"
    mount, unmount = shutil.which("mount"), shutil.which("umount")

    def mounted(*options: str) -> Path:
        disk.mkdir()
        if mount is None or unmount is None:
            pytest.skip("there is no mount")
        command = [mount, "-t", "tmpfs", "-o", ",".join(["size=64k", *options]), "tmpfs", str(disk)]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("this user cannot mount a small disk")
        return disk

    yield mounted
    if unmount is not None and disk.is_mount():
        subprocess.run([unmount, "-l", str(disk)], check=True)  # lazily: a test that failed may hold a file open
