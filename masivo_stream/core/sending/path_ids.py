"""Customers' ids as segments of a URL's path: which ones reach the API unchanged, whatever gateways do.

Characters that are not unreserved (RFC 3986 2.3) are percent-encoded, and gateways treat these in ways of their own:
many answer 404 or 400 to `%2F` without asking the server (Apache: AllowEncodedSlashes; Tomcat: encodedSolidusHandling).
So a 404 for an id that needs escaping does not prove that the customer is missing.
"""

import re

UNREADABLE_IDS = frozenset({"", ".", ".."})
"""Ids that mean something else as a path segment (RFC 3986 5.2.4), so that they cannot be read back at all."""

_RESERVED = frozenset({"migrate"})
"""Segments that the API itself uses in the place of ids (`/customers/migrate`)."""

_LONGEST = 200
"""Characters of an id; no gateway has a shorter limit for paths."""

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+\Z", re.ASCII)


def is_plain(customer: str) -> bool:
    """Return whether an id can certainly be read back: no escaping, not too long, and no other meaning."""
    return (
        _PLAIN.match(customer) is not None
        and len(customer) <= _LONGEST
        and customer not in UNREADABLE_IDS
        and customer not in _RESERVED
    )


def oddities(customer: str) -> frozenset[str]:
    """Return what may prevent an id from being read back: characters, or words for groups of them.

    Empty for a plain id. If one id with these oddities was read back, they do not prevent others either.
    """
    found = {_oddity(character) for character in set(customer) if _PLAIN.match(character) is None}
    if len(customer) > _LONGEST:
        found.add("long")
    if customer in UNREADABLE_IDS or customer in _RESERVED:
        found.add("reserved")
    return frozenset(found)


def _oddity(character: str) -> str:
    if not character.isascii():
        return "not ASCII"
    return character if character.isprintable() else "control"
