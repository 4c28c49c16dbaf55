"""Ids of customers as segments of a URL's path: which ones arrive as they are, whatever lies on the way.

What is not unreserved (RFC 3986 2.3) is percent-encoded, and gateways treat that in ways of their own: many answer 404
or 400 to `%2F` without asking the server (Apache: AllowEncodedSlashes; Tomcat: encodedSolidusHandling). So an id that
needs escaping, and is answered 404, may be there all the same.
"""

import re

UNREADABLE_IDS = frozenset({"", ".", ".."})
"""As a path segment these mean something else to whatever lies between us and the server (RFC 3986 5.2.4)."""

_RESERVED = frozenset({"migrate"})
"""Segments that the API uses itself beside ids (`/customers/migrate`)."""

_LONGEST = 200
"""Characters of an id that is surely no longer than anybody lets a path be."""

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+\Z", re.ASCII)


def is_plain(customer: str) -> bool:
    """Return whether an id is read back for certain: unescaped, not too long, and no other meaning."""
    return (
        _PLAIN.match(customer) is not None
        and len(customer) <= _LONGEST
        and customer not in UNREADABLE_IDS
        and customer not in _RESERVED
    )


def oddities(customer: str) -> frozenset[str]:
    """Return what about an id may keep it from being read back: characters, or names for kinds of them.

    Empty for a plain id. Where an id with the same oddities was read back, they keep nobody from it.
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
