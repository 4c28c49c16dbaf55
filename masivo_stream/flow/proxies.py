"""Proxies named by environment variables: this program does not use them, and says so if the API cannot be reached.

Other programs use such proxies without being asked, so a person may miss that this one does not.
"""

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
"""Failures in a network that lets requests through only by its proxy."""


class Proxies:
    """Follows the attempts, and explains a failure if an unused proxy may be the reason."""

    def __init__(self, api: ApiSettings, observer: Observer, environment: Mapping[str, str] = os.environ) -> None:
        """Look for a proxy that other programs would use for the API; none if `--proxy` names one."""
        self._found = None if api.proxy else unused_proxy(api.base_url, environment)
        self._observer = observer
        self._unreached = self._notified = False

    def note(self, attempt: Attempt) -> None:
        """Follow an attempt; notify the observer of the first one that did not reach the API."""
        if isinstance(attempt, Answer):
            self._unreached = False
        elif isinstance(attempt, Failure) and not attempt.sent and attempt.cause in _UNREACHED:
            self._unreached = True
            if self._found is not None and not self._notified:
                self._notified = True
                self._observer.notify(ProxyUnused(variable=self._found[0], proxy=self._found[1]))

    def explain(self, error: MasivoStreamError | None) -> None:
        """Add the unused proxy to an error's hint, if the last attempts did not reach the API."""
        if error is not None and self._found is not None and self._unreached:
            error.hint = f"{error.hint}; {explain_unused(*self._found)}" if error.hint else explain_unused(*self._found)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Explain the error that is raised inside, if one is."""
        try:
            yield
        except MasivoStreamError as error:
            self.explain(error)
            raise


def unused_proxy(url: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable that names a proxy for a URL, and the proxy without its secrets; None if no variable does."""
    parts = urlsplit(url)
    if _is_exempt(parts.hostname or "", environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name.upper(), name):
            if value := environment.get(variable, "").strip():
                return variable, mask_url(value if "://" in value else f"http://{value}")
    return None


def explain_unused(variable: str, proxy: str) -> str:
    """Return a sentence: the proxy is not used, and how to use it."""
    return f"{variable} names a proxy ({proxy}), which is used only if --proxy names it"


def _is_exempt(host: str, exempt: str) -> bool:
    """Return whether a list of host names and domains holds a host, as curl and others read it."""
    names = [name.strip().lstrip("*.").lower() for name in exempt.split(",")]
    return "*" in exempt.split(",") or any(name and (host == name or host.endswith(f".{name}")) for name in names)
