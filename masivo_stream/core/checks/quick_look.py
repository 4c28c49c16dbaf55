"""Look at most lines without decoding them: the extension in C of `core.reading.prover` calls them *unremarkable*.

Law: in a line that it calls unremarkable, `Plausibility` and `UnknownFields` find nothing, and `NoteTaker` takes of it
the notes, and adds to the totals, what is in `Looked`. A line that it doubts is looked at in Python, so what is found
is the same with the extension and without.

The extension works without the interpreter's lock: it hashes what it reads by itself, and makes no objects of it.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from masivo_stream.core.checks.known_fields import SCHEMAS, FieldName
from masivo_stream.core.checks.note_format import SharedHash, Tag
from masivo_stream.core.checks.plausible import EARLIEST, FIRST_BIRTH_YEAR, NOTHING, PURCHASE, latest_allowed
from masivo_stream.core.reading import prover
from masivo_stream.core.reading.prover import (
    MOST_FIELDS,
    ROLES,
    SIGNING,
    Node,
    NodeKind,
    Role,
    Roles,
    is_built,
    make_tree,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import Moment, moment_of, read_moment
from masivo_stream.model.schemas import Timestamp

_LOOKED_AT: dict[Kind, Roles] = {
    Kind.CUSTOMERS: {
        "name": Role.NAME,
        "registration_date": Role.REGISTERED,
        "dob": Role.BIRTH,
        "balance": Role.BALANCES,
        "balance[]": Role.BALANCE,
        "balance[].reward_id": Role.REWARD,
        "balance[].amount": Role.AMOUNT,
        "balance[].issued_at": Role.BALANCE_ISSUED,
        "balance[].expiration_date": Role.EXPIRES,
    },
    Kind.EVENTS: {
        **SIGNING,
        "events[].resolved_at": Role.RESOLVED,
        "events[].order.products[]": Role.PRODUCT,
        "events[].order.products[].amount": Role.UNITS,
        "events[].order.products[].value": Role.UNIT_VALUE,
        "events[].order.products[].discounted_value": Role.UNIT_PAID,
        "events[].order.shipping": Role.SHIPPING,
        "events[].order.shipping.value": Role.SHIPPING_VALUE,
        "events[].order.shipping.discounted_value": Role.SHIPPING_PAID,
    },
    Kind.TRANSACTIONS: {
        "transactions[]": Role.TRANSACTION,
        "transactions[].reward_id": Role.REWARD,
        "transactions[].amount": Role.AMOUNT,
        "transactions[].issued_at": Role.ISSUED,
        "transactions[].resolved_at": Role.RESOLVED,
    },
}

_NEVER: Moment = (1 << 63) - 1
_FIRST_BIRTH = read_moment(f"{FIRST_BIRTH_YEAR}-01-02T00:00:00Z") or 0
"""From this moment on, the year is late enough in every time zone."""


_TAGS = {
    Kind.CUSTOMERS: (Tag.CUSTOMER.value, Tag.CUSTOMER_BARE.value, Tag.MORE_BALANCE.value, Tag.EMAIL.value),
    Kind.EVENTS: (Tag.EVENTS.value, Tag.EVENTS.value, 0, Tag.PURCHASE.value),
    Kind.TRANSACTIONS: (Tag.TRANSACTIONS.value, Tag.TRANSACTIONS.value, Tag.MORE_TRANSACTIONS.value, 0),
}
"""The tags of a line, of one without a balance, of a further reward on it, of its email or its events."""

_KEY = struct.pack("<qq", hash("one half of the key"), hash("the other half"))
"""Of this process, as that of Python's own hash is."""

Run = tuple[Sequence[bytes] | bytes, Sequence[int], int, int]
"""Lines that follow one another, their offsets, source and line of the first one (`note_format.where`), and 0.

Or a text, the offsets of its lines and where the last one ends, the same, and where the text begins."""


class Looked(NamedTuple):
    """What is known of lines. Their indexes are counted through all runs.

    All but the first is of those that are not doubted.
    """

    doubted: list[int]
    """The indexes of lines that are doubted."""
    notes: bytes
    """Their notes in reading order. The number of a reward is its index in `rewards`, plus 1."""
    rewards: list[tuple[str, int, int, int]]
    """Id, index of the first line with it, and what is earned and spent of it in all, in millionths."""
    records: int
    items: int
    value: int
    discounted: int
    """The sums of the values and discounted values of all orders, in millionths."""
    first: tuple[Moment, int]
    last: tuple[Moment, int]
    """The earliest and the latest date of the items, or of the registrations, and the index of the line with it."""
    latest: tuple[Moment, int]
    """The latest date that may be in the future, likewise."""
    marks: bytes
    """For each line, doubted ones as well, the learnt fields that it has: a number of 64 bits, one bit for each. Empty
    if no line has any."""

    def divide(self, others: "array[int]", numbers: Sequence[int], parts: int) -> list[bytes]:
        """Return the notes divided by hash, with `others` between them in the order of lines.

        `numbers` are those of the rewards.
        """
        return prover.divide(self.notes, others, numbers, parts)


class QuickLook:
    """Looks at lines."""

    def __init__(self, now: Timestamp | None, *, watch: bool) -> None:
        """Doubt dates more than a day after `now`, and unknown fields if `watch`. `now` is None if no date is late."""
        latest = _NEVER if now is None else moment_of(latest_allowed(now))
        self._watch, self._looked_for = watch, _look_for(latest)
        self._provers: dict[Kind, tuple[int, prover.Prover]] = {}

    def look(
        self,
        kind: Kind,
        runs: Sequence[Run],
        shared: SharedHash | None = None,
        learnt: Sequence[FieldName] = (),
    ) -> Looked:
        """Look at valid lines of a kind. Notes have the hashes of `shared`, or of `salted`.

        Unknown fields are doubted, but for those that are `learnt`: the same ones each time, and then further ones.
        """
        known, found = self._provers.get(kind, (-1, None))
        if found is None or known != len(learnt):
            found = self.make(kind, learnt)
            self._provers[kind] = len(learnt), found
        return Looked(*found.look(runs, _KEY if shared is None else shared.key, shared is not None))

    @staticmethod
    def salted(value: str | tuple[str, str]) -> int:
        """Return the hash that notes of this process have, of an id, or of a customer and a purchase."""
        return prover.hash_of(_KEY, False, value)  # noqa: FBT003 - it takes no keywords

    def make(self, kind: Kind, learnt: Sequence[FieldName] = (), *, plain: bool = False) -> "prover.Prover":
        """Make a prover that looks at lines of a kind; `plain` as in `core.reading.prover.make_prover`."""
        look = (*self._looked_for, _TAGS[kind])
        schema = with_learnt(describe_look(kind), learnt)
        return prover.Prover(schema, reject_unknown=self._watch, look=look, plain=plain)


def make_quick_look(now: Timestamp | None, *, watch: bool, pure_python: bool) -> QuickLook | None:
    """Return what looks at lines; None if there is no extension, or `pure_python` does without."""
    return QuickLook(now, watch=watch) if is_built() and not pure_python else None


@cache
def describe_look(kind: Kind) -> Node:
    """Describe to the extension what to look at on lines of a kind."""
    return make_tree(SCHEMAS[kind], ROLES[kind] | _LOOKED_AT[kind])


def with_learnt(node: Node, learnt: Sequence[FieldName]) -> Node:
    """Return the description of a record with unknown fields in it, which the extension marks by their indexes."""
    by_path: dict[str, list[tuple[bytes, bool, Node]]] = {}
    for index, (path, name) in enumerate(learnt):
        field: Node = int(NodeKind.ANY), int(Role.NONE), False, 1 << index
        by_path.setdefault(path, []).append((b'"%b"' % name.encode(), False, field))
    return _extended(node, "", by_path) if by_path else node


def _extended(node: Node, path: str, learnt: Mapping[str, list[tuple[bytes, bool, Node]]]) -> Node:
    payload: Any  # it depends on the kind
    kind, role, nullable, payload = node
    match kind, payload:
        case NodeKind.LIST, (not_empty, item):
            payload = not_empty, _extended(item, f"{path}[]", learnt)
        case NodeKind.STRUCT, (fields, by_tag):
            here = f"{path}." if path else ""
            known = [
                (quoted, required, _extended(each, here + quoted[1:-1].decode(), learnt))
                for quoted, required, each in fields
            ]
            payload = (*known, *learnt.get(path, ()))[:MOST_FIELDS], by_tag  # lines with further ones are doubted
    return kind, role, nullable, payload


def _look_for(latest: int) -> tuple[int, int, int, bytes, tuple[bytes, ...]]:
    nothing = tuple(sorted(word.encode() for word in NOTHING if word))
    return moment_of(EARLIEST), latest, _FIRST_BIRTH, PURCHASE.encode(), nothing
