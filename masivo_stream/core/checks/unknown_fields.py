"""Notice fields that the API does not know: they pass through, and what they hold never arrives.

A line is decoded with a schema that refuses them. A line that is refused is decoded once more without a type, and the
schema is extended by what it has; from then on such lines are decoded once. Only `_MOST_LEARNT` fields are learnt,
since a broken export may have any number of them: lines with further ones cost what a refused line costs.

A name may be a value that is in a name's place by mistake, such as an email. So only names that look like names are
shown (`redact.public_name`), and none of an object with more than `MOST_NAMES` different unknown ones. This also bounds
memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property

import msgspec
from msgspec import Struct

from masivo_stream.core.checks.collect import Place, pack_place, unpack_place
from masivo_stream.core.checks.known_fields import FieldName, known_fields, watching_schema
from masivo_stream.core.checks.lean_records import LEAN, LeanRecord
from masivo_stream.core.reading.marks import decode_plain
from masivo_stream.core.reading.schema_faults import cut_last_moment
from masivo_stream.core.redact import MASK, public_name
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import CheckName, FieldCount, LinePlace

MOST_NAMES = 50
"""Different unknown names of one object that are counted one by one."""

MANY = "*"
"""Stands for the names of an object that has more of them."""

_MOST_LEARNT = 40

_ALIKE = 0.75
"""How alike two names are (twice the shared characters over all) if one is taken for a misspelling of the other."""


class LineReader:
    """Decode lines of one kind; `unknown` are the unknown fields of the line that was read last."""

    def __init__(self, kind: Kind, *, watch: bool) -> None:
        """Notice unknown fields if `watch`."""
        self._kind, self._watch = kind, watch
        self.unknown: set[FieldName] = set()
        self._plain: Callable[[bytes], LeanRecord] = msgspec.json.Decoder(LEAN[kind]).decode
        self._learnt: dict[FieldName, type] = {}
        self._stand_ins: dict[type, tuple[FieldName, object]] = {}

    @cached_property
    def _decode(self) -> Callable[[bytes], LeanRecord]:
        """Made for the first line: the extension looks at most lines, and often no other is left."""
        return self._make_decoder() if self._watch else self._plain

    @property
    def learnt(self) -> Sequence[FieldName]:
        """The unknown fields that are learnt, in the order in which they were."""
        return list(self._learnt)

    def read(self, body: bytes) -> LeanRecord | None:
        """Return what the checks look at; None if the line cannot be read that way."""
        if self.unknown:
            self.unknown = set()
        try:
            return self._decode(body)
        except (ValueError, RecursionError):
            return self._read_again(body)

    def _read_again(self, body: bytes) -> LeanRecord | None:
        if self._watch:
            self.unknown = self._look(body)
            self._learn(self.unknown)
        for text in (body, cut_last_moment(body)):
            try:
                return self._plain(text)
            except (ValueError, RecursionError):  # the strict decoder accepts some records that this one does not
                continue
        return None

    def _look(self, body: bytes) -> set[FieldName]:
        try:
            return known_fields(self._kind).unknown(decode_plain(body))
        except (ValueError, RecursionError):
            return set()

    def _learn(self, unknown: set[FieldName]) -> None:
        new = [each for each in sorted(unknown - self._learnt.keys()) if _can_be_learnt(each)]
        new = new[: _MOST_LEARNT - len(self._learnt)]
        for field in new:
            stand_in = type("StandIn", (), {})
            self._learnt[field] = stand_in
            self._stand_ins[stand_in] = field, stand_in()
        if new:
            self._decode = self._make_decoder()

    def _make_decoder(self) -> Callable[[bytes], LeanRecord]:
        schema = watching_schema(self._kind, self._learnt)
        decode: Callable[[bytes], LeanRecord] = msgspec.json.Decoder(schema, dec_hook=self._notice).decode
        return decode

    def _notice(self, stand_in: type, _value: object) -> object:
        """Note a learnt field; the decoder calls this for each occurrence."""
        field, instance = self._stand_ins[stand_in]
        self.unknown.add(field)
        return instance


def _can_be_learnt(field: FieldName) -> bool:
    """Return whether msgspec takes a name for a field: it refuses quotes, backslashes and control characters."""
    _, name = field
    return name.isprintable() and not {'"', "\\"} & set(name)


class _Occurrences(Struct):
    """In how many records something is, and where it is first."""

    records: int = 0
    first: list[LinePlace] = []

    def add(self, place: LinePlace | None, most_places: int, records: int = 1) -> None:
        self.records += records
        if place is not None and len(self.first) < most_places:
            self.first.append(place)

    def pack(self) -> "PackedOccurrences":
        return self.records, list(map(pack_place, self.first))

    def merge(self, packed: "PackedOccurrences", lines_before: Mapping[int, int], most_places: int) -> None:
        records, first = packed
        self.records += records
        room = most_places - len(self.first)
        self.first.extend(unpack_place(place, lines_before) for place in first[:room])


PackedOccurrences = tuple[int, list[Place]]
"""In how many records something is, and its first places."""


class PackedUnknown(Struct, frozen=True, array_like=True):
    """Unknown fields of a part of the exports, as another process can add them to those of other parts."""

    kind: Kind
    path: str
    object_: PackedOccurrences
    names: dict[str, PackedOccurrences]


class UnknownFields:
    """Add the unknown fields of records in reading order, then take what was found."""

    def __init__(self, most_places: int) -> None:
        """Keep the first `most_places` of each field."""
        self._most = most_places
        self._objects: dict[tuple[Kind, str], _Occurrences] = {}
        self._names: dict[tuple[Kind, str], dict[str, _Occurrences]] = {}
        """By object, then by name; of an object with too many names only what it has of them together."""

    def is_full(self, kind: Kind, unknown: Iterable[FieldName]) -> bool:
        """Return whether no further place of these fields, which were added before, is kept."""
        kept = [self._objects[kind, path] for path, _ in unknown]
        for path, name in unknown:
            named = self._names[kind, path]
            if MANY not in named:
                kept.append(named[public_name(name)])
        return all(len(each.first) >= self._most for each in kept)

    def add(self, kind: Kind, unknown: Iterable[FieldName], place: LinePlace | None, records: int = 1) -> None:
        """Add the unknown fields of one record; or of several `records` without a place, if `is_full`."""
        shown: dict[str, set[str]] = {}
        for path, name in unknown:
            shown.setdefault(path, set()).add(public_name(name))
        for path, names in shown.items():
            self._objects.setdefault((kind, path), _Occurrences()).add(place, self._most, records)
            named = self._names.setdefault((kind, path), {})
            if MANY in named:
                continue
            for name in names:
                named.setdefault(name, _Occurrences()).add(place, self._most, records)
            if len(named) > MOST_NAMES:
                self._names[kind, path] = {MANY: self._objects[kind, path]}

    def pack(self) -> list[PackedUnknown]:
        """Return all that `merge` needs in another process."""
        return [
            PackedUnknown(
                kind,
                path,
                self._objects[kind, path].pack(),
                {name: seen.pack() for name, seen in sorted(named.items())},
            )
            for (kind, path), named in sorted(self._names.items())
        ]

    def merge(self, packed: Iterable[PackedUnknown], lines_before: Mapping[int, int]) -> None:
        """Add the unknown fields of a part, which follows those that were added before.

        `lines_before` are the lines before the part of each source in it: the part counts its own.
        """
        for each in packed:
            key = each.kind, each.path
            self._objects.setdefault(key, _Occurrences()).merge(each.object_, lines_before, self._most)
            named = self._names.setdefault(key, {})
            if MANY in named:  # what this object has altogether, which was just added
                continue
            for name, seen in each.names.items():
                if name == MANY:
                    named[MANY] = self._objects[key]
                else:
                    named.setdefault(name, _Occurrences()).merge(seen, lines_before, self._most)
            if MANY in named or len(named) > MOST_NAMES:
                self._names[key] = {MANY: self._objects[key]}

    def found(self) -> Iterator[tuple[CheckName, FieldCount, list[LinePlace]]]:
        """Yield each unknown field: the check, the field with its count, and its first places."""
        for (kind, path), named in self._names.items():
            for name, seen in named.items():
                nearest = "" if name in (MASK, MANY) else nearest_field(kind, path, name)
                here = nearest.rpartition(".")[0] == path
                check = CheckName.MISSPELLED_FIELD if nearest and here else CheckName.UNKNOWN_FIELD
                field = f"{path}.{name}" if path else name
                yield check, FieldCount(field, seen.records, seen.first[0], nearest), seen.first


def nearest_field(kind: Kind, path: str, name: str) -> str:
    """Return the path of the known field that is probably meant; empty without one.

    In the same object, this is a field of nearly the same name; in another object of the record, of the same name. Case
    and separators do not count.
    """
    plain = _plain(name)
    others: dict[str, str] = {}
    for known in known_fields(kind).all():
        own = {_plain(each): known.join(each) for each in known.names.values()}
        if known.path == path:
            close = get_close_matches(plain, own, n=1, cutoff=_ALIKE)
            if close:
                return own[close[0]]
        for each, where in own.items():
            others.setdefault(each, where)
    return others.get(plain, "")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
