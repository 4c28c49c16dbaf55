"""Proxies of the environment: other programs use them unasked, this one does not, and says so where nothing answers."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from masivo_stream.flow.observer import Observer
from masivo_stream.flow.reporting.facts import mask_url
from masivo_stream.model.attempt import Answer, Attempt, Cause, Failure
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.notices import ProxyUnused
from masivo_stream.model.settings import ApiSettings

_UNREACHED = frozenset(
    {Cause.REFUSED, Cause.RESOLVE, Cause.UNROUTABLE, Cause.CONNECT_TIMEOUT, Cause.CERTIFICATE, Cause.TLS, Cause.RESET}
)
"""What a network answers that lets nothing through but by its proxy."""


class Proxies:
    """Told of every attempt, it knows whether an unused proxy may be what is missing."""

    def __init__(self, api: ApiSettings, observer: Observer, environment: Mapping[str, str] = os.environ) -> None:
        """Look for a proxy that other programs would use for the API."""
        self._found = None if api.proxy else unused_proxy(api.base_url, environment)
        self._observer = observer
        self._unreached = self._told = False

    def note(self, attempt: Attempt) -> None:
        """Learn what came of an attempt; the first one that reached nobody is told of."""
        if isinstance(attempt, Answer):
            self._unreached = False
        elif isinstance(attempt, Failure) and not attempt.sent and attempt.cause in _UNREACHED:
            self._unreached = True
            if self._found is not None and not self._told:
                self._told = True
                self._observer.notify(ProxyUnused(variable=self._found[0], proxy=self._found[1]))

    def explain(self, error: MasivoStreamError | None) -> None:
        """Add to an error's hint that there is a proxy, where nothing could be reached."""
        if error is not None and self._found is not None and self._unreached:
            error.hint = f"{error.hint}; {tell_unused(*self._found)}" if error.hint else tell_unused(*self._found)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Explain what is raised."""
        try:
            yield
        except MasivoStreamError as error:
            self.explain(error)
            raise


def unused_proxy(url: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable that names a proxy for a URL, and the proxy without its secrets; None for none."""
    parts = urlsplit(url)
    if _is_exempt(parts.hostname or "", environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name.upper(), name):
            if value := environment.get(variable, "").strip():
                return variable, mask_url(value if "://" in value else f"http://{value}")
    return None


def tell_unused(variable: str, proxy: str) -> str:
    """Say that a proxy is not used, and how to use it."""
    return f"{variable} names a proxy ({proxy}), which is used only if --proxy names it"


def _is_exempt(host: str, exempt: str) -> bool:
    """Return whether a list of host names and domains holds a host, as curl and others read it."""
    names = [name.strip().lstrip("*.").lower() for name in exempt.split(",")]
    return "*" in exempt.split(",") or any(name and (host == name or host.endswith(f".{name}")) for name in names)
