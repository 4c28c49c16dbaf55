"""Secrets: from the environment or a file of the owner's, never from an argument or the settings."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from masivo_stream.model.errors import ConfigurationError

API_KEY_VARIABLE = "MASIVO_API_KEY"
TOKEN_VARIABLE = "MASIVO_TOKEN"  # noqa: S105 - the name of a variable, not a token
_OPERATION = "read the secrets"
_MOST_BYTES = 16 * 1024
"""More is no key; and one that is cut short is another key."""


class Secret:
    """A text that does not show itself: not in `repr`, not in a format, not in a traceback's locals."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Wrap `text`."""
        self._text = text

    def reveal(self) -> str:
        """Return the text, where it goes onto the wire."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__


class Credentials:
    """What opens the account: an API key, which gets tokens, or one ready token."""

    __slots__ = ("api_key", "token")

    def __init__(self, *, api_key: Secret | None = None, token: Secret | None = None) -> None:
        """Take exactly one of the two."""
        if (api_key is None) == (token is None):
            raise ValueError("either an API key or a token")
        self.api_key = api_key
        self.token = token


def load_credentials(environment: Mapping[str, str], *, api_key_file: str | None = None) -> Credentials:
    """Find the secret: `api_key_file`, else `MASIVO_API_KEY`, else `MASIVO_TOKEN`.

    Raises:
        ConfigurationError: there is none, or the file can be read by others.
    """
    if api_key_file:
        return Credentials(api_key=_clean(_read(api_key_file), api_key_file))
    if key := environment.get(API_KEY_VARIABLE):
        return Credentials(api_key=_clean(key, API_KEY_VARIABLE))
    if token := environment.get(TOKEN_VARIABLE):
        return Credentials(token=_clean(token, TOKEN_VARIABLE))
    raise ConfigurationError(
        "there is no API key",
        operation=_OPERATION,
        place=API_KEY_VARIABLE,
        hint="set MASIVO_API_KEY to the account's key, a UUID that Masivo's admin panel shows (see docs.masivo.ai, "
        "guides/integrate-with-masivo), or put it into a file (mode 0600) and name that with --api-key-file; "
        "`masivo-stream demo` and `masivo-stream sandbox` need no account",
    )


def _read(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationError(
                    "other users may read the key file",
                    operation=_OPERATION,
                    place=name,
                    hint=f"chmod 600 {name}",
                )
            text = file.read(_MOST_BYTES + 1)
            if len(text) <= _MOST_BYTES:
                return text.decode()
    except (OSError, ValueError):
        pass  # told below, and without it: it may quote the key
    raise ConfigurationError(
        "the key file cannot be read",
        operation=_OPERATION,
        # Where no path is given it may be the key itself, which must not end in a log.
        place=name if os.sep in name else "--api-key-file",
        hint="check the path and its permissions, and that it holds nothing but the key",
    )


def _clean(text: str, place: str) -> Secret:
    secret = text.strip()
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigurationError(
            "the secret is empty or has characters that cannot be sent",
            operation=_OPERATION,
            place=place,
            hint="it is one line of printable ASCII",
        )
    return Secret(secret)
