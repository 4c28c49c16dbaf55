"""Receivers of notifications: a URL that gets a POST, and a command that gets its standard input.

A receiver returns what went wrong, and raises nothing. What it returns, and its name, hold nothing secret: the path and
the query of such a URL are often its password.
"""

import asyncio
import os
import shlex
import signal
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

URL_TIMEOUT = 5.0
"""Seconds for one try, from connecting to the answer."""

COMMAND_TIMEOUT = 30.0
"""Seconds after which the command is killed, with the processes it has started."""

_TAKEN, _REDIRECTS, _BROKEN = range(200, 300), range(300, 400), range(500, 600)
_LATER = frozenset({408, 425, 429, *_BROKEN})
_SECRETS = ("MASIVO_API_KEY", "MASIVO_TOKEN", "MASIVO_NOTIFY")


class NotTaken(Struct, frozen=True):
    """Why a notification was not taken."""

    why: str
    again: bool
    """Whether another try may help."""


class Receiver(Protocol):
    """Takes notifications."""

    @property
    def name(self) -> str:
        """What is shown of it."""
        ...

    async def take(self, body: bytes) -> NotTaken | None:
        """Deliver one JSON document; return None if it was taken."""
        ...


class UrlReceiver:
    """Gets a POST."""

    def __init__(self, url: str, *, timeout: float = URL_TIMEOUT, tls: ssl.SSLContext | bool = True) -> None:
        """Send to `url`, an http:// or https:// URL. `tls` says whom to trust; by default, whom the system trusts."""
        self._tls = tls
        self._url, self._timeout = url, aiohttp.ClientTimeout(total=timeout)
        self.name = shown_origin(url)

    async def take(self, body: bytes) -> NotTaken | None:
        """Deliver one JSON document. Redirects are not followed: the answer of another place is no answer."""
        headers = {"Content-Type": "application/json", "User-Agent": "masivo-stream"}
        try:
            connector = aiohttp.TCPConnector(force_close=True, ssl=self._tls)
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=self._timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except TimeoutError:
            return NotTaken("no answer in time", again=True)
        except aiohttp.ClientConnectorCertificateError:
            return NotTaken("its certificate cannot be verified", again=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NotTaken(_name_of(error), again=True)
        if status in _TAKEN:
            return None
        if status in _REDIRECTS:
            return NotTaken(f"it answers {status}: redirects are not followed", again=False)
        return NotTaken(f"it answers {status}", again=status in _LATER)


def trusting(ca_file: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's authorities, and those of a file, if it can be read."""
    context = ssl.create_default_context()
    with suppress(OSError):  # ssl.SSLError is one; the client of the API says what is wrong with the file
        context.load_verify_locations(ca_file)
    return context


def _name_of(error: Exception) -> str:
    """Return a failure in words without its text, which quotes the URL."""
    cause = error.__cause__ or error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    return f"no connection ({type(error).__name__})"


class CommandReceiver:
    """Gets the document on its standard input. It is started without a shell, and without our secrets."""

    def __init__(self, words: list[str], *, timeout: float = COMMAND_TIMEOUT) -> None:
        """Start `words`, program and arguments."""
        self._words, self._timeout = words, timeout
        self.name = os.path.basename(words[0])  # noqa: PTH119 - of a text

    async def take(self, body: bytes) -> NotTaken | None:
        """Deliver one JSON document."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=_without_secrets(os.environ),
                start_new_session=True,  # a Ctrl-C is for the run, and all of its processes can be killed
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            return NotTaken(f"it cannot be started: {why}", again=False)
        try:
            async with asyncio.timeout(self._timeout):
                await process.communicate(body)
        except TimeoutError:
            return NotTaken(f"it was killed after {self._timeout:g} s", again=False)
        finally:
            if process.returncode is None:
                _kill(process.pid)
                await process.wait()
        return None if process.returncode == 0 else NotTaken(f"it ended with {process.returncode}", again=False)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_SECRETS)}


def shown_origin(url: str) -> str:
    """Return scheme, host and port of a URL: what may be shown of it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{'' if parts.port is None else f':{parts.port}'}"


def split_command(text: str) -> list[str]:
    """Return the words of a command, as a shell would split them; a shell does nothing else here.

    Raises:
        ValueError: a quotation has no end.
    """
    return shlex.split(text)
