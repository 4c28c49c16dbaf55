"""The last line of defence: what looks like a secret or an address is masked in what is written down.

Nothing of the kind is put there on purpose; but words of a server, a proxy or a library may hold some.
"""

import re

MASK = "***"

_SECRET_KEYS = frozenset(
    {"authorization", "proxy_authorization", "x_api_key", "api_key", "apikey", "token", "secret", "password", "cookie"}
)

_SECRETS = re.compile(
    r"""(?ix)
    (?P<before> \b bearer \s+ | \b (?: x-)? api [-_]? key ["']? \s* [:=] \s* ["']? | ://(?=[^/\s@]+@) )
    [^\s"',;@]+
    | \b eyJ [\w-]+ \. [\w-]+ (?: \. [\w-]* )?           # a JSON Web Token (RFC 7519): base64 of {"…
    | [^\s@"'<>,;:=()/]{1,64} @ [\w-]{1,63} (?: \. [\w-]{1,63} )+   # an email address
    """
)


def mask(text: str) -> str:
    """Return `text` with everything masked that looks like a token, a key or an email address."""
    return _SECRETS.sub(lambda match: (match["before"] or "") + MASK, text)


def is_secret(key: str) -> bool:
    """Tell whether a field of this name holds a secret, whatever it looks like."""
    return key.lower().replace("-", "_") in _SECRET_KEYS
