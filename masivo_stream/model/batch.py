"""A batch: what one request carries."""

import hashlib
from collections.abc import Sequence

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.record import Entry

_OPEN, _CLOSE = b'{"customers":[', b"]}"

_ID_DIGITS = 24
"""96 bits: two batches of one run share an id with a probability that no number of batches makes worth a thought."""

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
    places = [(entry.file, entry.line, entry.indexes) for entry in entries]
    digest = hashlib.sha256(repr((kind.value, places)).encode("utf-8", "surrogatepass"))
    digest.update(body)  # SHA-256, for CPUs have instructions for it: half the time of BLAKE2
    return Batch(
        id=digest.hexdigest()[:_ID_DIGITS],
        kind=kind,
        entries=tuple(entries),
        items=sum(entry.items for entry in entries),
        body=body,
    )
