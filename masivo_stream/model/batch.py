"""A batch: what one request carries.

Entries of one customer that meet in a batch of events stand once in its body, with all their items in order, if the
rest of their records is the same to the byte; the contract does not say what a repeated id would mean. Nothing is
encoded anew for that: the body is put together of slices of the records (`slicing`).
"""

import hashlib
from collections.abc import Sequence

from msgspec import Struct

from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.record import Entry
from masivo_stream.model.slicing import Sliced, slice_record

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
    body = b"".join((_OPEN, b",".join([_compose(kind, group) for group in body_groups(kind, entries)]), _CLOSE))
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


def body_groups(kind: Kind, entries: Sequence[Entry]) -> list[list[Entry]]:
    """Tell how `entries` stand in a body: for each place in its list `customers`, the entries that stand there."""
    field = CONTRACTS[kind].item_field
    if field is None or not CONTRACTS[kind].splittable or len({entry.customer for entry in entries}) == len(entries):
        return [[entry] for entry in entries]
    of_customer: dict[str, list[Entry]] = {}
    for entry in entries:
        of_customer.setdefault(entry.customer, []).append(entry)
    groups: dict[tuple[str, bytes], list[Entry]] = {}
    for entry in entries:
        alone = len(of_customer[entry.customer]) == 1
        head = b"" if alone else slice_record(entry.body, field).head
        groups.setdefault((entry.customer, head), []).append(entry)
    return list(groups.values())


def _compose(kind: Kind, group: Sequence[Entry]) -> bytes:
    """Compose what stands at one place of a body."""
    field = CONTRACTS[kind].item_field
    if len(group) == 1 or field is None:
        return group[0].body
    sliced = [slice_record(entry.body, field) for entry in group]
    items = tuple(item for each in sliced for item in each.items)
    return Sliced(sliced[0].head, items).compose(range(len(items)))
