"""Secrets: from the environment or a file of the owner, never from an argument or the settings.

What other tools put around a secret is removed: a byte order mark, line ends, quotes (`docker --env-file` keeps them),
`NAME=` and `export NAME=` (an .env file named as key file), `Bearer `. Anything else is refused; the error names what
it is, and never quotes it.
"""

import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from masivo_stream.model.errors import ConfigurationError

API_KEY_VARIABLE = "MASIVO_API_KEY"
TOKEN_VARIABLE = "MASIVO_TOKEN"  # noqa: S105 - the name of a variable, not a token
_OPERATION = "read the secrets"
_MOST_BYTES = 16 * 1024
"""A longer text is no key; and a key that is cut short is another key."""


class Secret:
    """A text that does not show itself: not in `repr`, not in a format, not in a traceback's locals."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Wrap `text`."""
        self._text = text

    def reveal(self) -> str:
        """Return the text, to put it onto the wire."""
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
    """Return the secret: `api_key_file`, else `MASIVO_API_KEY`, else `MASIVO_TOKEN`.

    Raises:
        ConfigurationError: there is no secret, or other users can read the file.
    """
    if api_key_file:
        return Credentials(api_key=_clean(_read(api_key_file), api_key_file, API_KEY_VARIABLE))
    if key := environment.get(API_KEY_VARIABLE):
        return Credentials(api_key=_clean(key, API_KEY_VARIABLE, API_KEY_VARIABLE))
    if token := environment.get(TOKEN_VARIABLE):
        return Credentials(token=_clean(token, TOKEN_VARIABLE, TOKEN_VARIABLE))
    empty = [name for name in (API_KEY_VARIABLE, TOKEN_VARIABLE) if name in environment]
    raise ConfigurationError(
        f"there is no API key{f': {empty[0]} is set, but empty' if empty else ''}",
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
                    hint=f"chmod 600 {shlex.quote(name)}",
                )
            text = file.read(_MOST_BYTES + 1)
            if len(text) <= _MOST_BYTES:
                return text.decode("utf-16" if text.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8")
    except (OSError, ValueError):
        pass  # reported below, without the cause: it may quote the key
    raise ConfigurationError(
        "the key file cannot be read",
        operation=_OPERATION,
        # A name without a directory may be the key itself, which must not end in a log.
        place=name if os.sep in name else "--api-key-file",
        hint="check the path and its permissions, and that it holds nothing but the key",
    )


def _clean(text: str, place: str, name: str) -> Secret:
    """Return the secret in a text: the value of `name`, if the text assigns values to names."""
    lines = [line.strip() for line in text.replace("\ufeff", "", int(text.startswith("\ufeff"))).splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    assigned = [found for line in told if (found := _ASSIGNMENT.match(line))]
    values = [found["value"] or "" for found in assigned if found["name"] == name]
    secret = _unquoted(values[-1] if values else "\n".join(told)).removeprefix("Bearer ")
    if (why := _wrong_with(secret, [found["name"] for found in assigned], name, found=bool(values))) is not None:
        raise ConfigurationError(
            f"the secret is empty or has characters that cannot be sent: {why}",
            operation=_OPERATION,
            place=place,
            hint=f"it is one line of printable ASCII, alone or after {name}=",
        )
    return Secret(secret)


_ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>[^\s=].*)?\Z")
"""A line of an .env file; the padding of a secret in base64 is not taken for one."""
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<inside>.*)(?P=quote)(?:\s+\#.*)?\Z""", re.DOTALL)


def _unquoted(text: str) -> str:
    if (found := _QUOTED.match(text)) is not None:
        return found["inside"].strip()
    return text.partition(" #")[0].strip()


def _wrong_with(secret: str, names: list[str], name: str, *, found: bool) -> str | None:
    """Return what is wrong with a secret, without quoting it; None if nothing is."""
    if not secret:
        return "it is empty"
    if names and not found and (len(names) > 1 or "_" in names[0]):
        return f"it assigns values to names, but none to {name}"
    if secret.startswith(("{", "[")):
        return "it is a JSON document"
    if secret.startswith(("$", "<", "%")):
        return "it is a placeholder whose value was not filled in"
    if "\n" in secret:
        return "it has several lines"
    for at, character in enumerate(secret, 1):
        if not character.isascii() or not character.isprintable() or character == " ":
            return f"character {at} is U+{ord(character):04X}"
    return None
