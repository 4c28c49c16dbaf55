"""A batch: what one request carries."""

import hashlib
from collections.abc import Sequence

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.record import Entry

_OPEN, _CLOSE = b'{"customers":[', b"]}"

ENVELOPE_BYTES = len(_OPEN) + len(_CLOSE)
"""Bytes of a body beside its entries and the commas between them."""


class Batch(Struct, frozen=True, kw_only=True):
    """Entries that travel together, and the id that names exactly this content from exactly these places."""

    id: str
    kind: Kind
    entries: tuple[Entry, ...]
    items: int
    body: bytes


def make_batch(kind: Kind, entries: Sequence[Entry]) -> Batch:
    """Compose the request body of `entries`; the id hashes kind, places and content: equal input, equal ids."""
    body = b"".join((_OPEN, b",".join([entry.body for entry in entries]), _CLOSE))
    digest = hashlib.blake2b(body, digest_size=12, person=kind.value.encode())
    for entry in entries:
        digest.update(f"\0{entry.file}\0{entry.line}\0{entry.indexes}".encode("utf-8", "surrogatepass"))
    return Batch(
        id=digest.hexdigest(),
        kind=kind,
        entries=tuple(entries),
        items=sum(entry.items for entry in entries),
        body=body,
    )


def body_groups(_kind: Kind, entries: Sequence[Entry]) -> list[list[Entry]]:
    """Tell how `entries` stand in a body: for each place in its list `customers`, the entries that stand there."""
    return [[entry] for entry in entries]
