"""Exports that grow, with the expected result of each line, computed without the code under test."""

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Raw
from msgspec import json as msgspec_json

from masivo_stream.model.contract import CONTRACTS, Kind

_raw_fields = msgspec_json.Decoder(dict[str, Raw]).decode
_raw_items = msgspec_json.Decoder(list[Raw]).decode


@dataclass(frozen=True)
class Line:
    """A physical line: where it is, its bytes, and the result to expect."""

    kind: Kind
    source: int
    number: int
    offset: int
    raw: bytes
    result: str
    """`blank`, `skipped`, `faulty`, or `valid`."""
    keys: tuple[str | None, ...] = ()
    """The names of its items, which no other item has; None if the line must not be sent."""
    items: int = 0
    """The number of its items, if it can be read."""
    duplicate: bool = False
    """Whether its customer is on an earlier line, too."""

    @property
    def place(self):
        return self.source, self.number

    @property
    def travelling(self):
        """The indexes of the items that have to be sent."""
        return tuple(index for index, key in enumerate(self.keys) if key is not None)

    def slices(self):
        """Return the raw bytes of the other fields, and of each item by its name."""
        return take_apart(self.kind, self.raw)


def take_apart(kind, raw):
    """Return the raw fields of a record without its items, and the raw bytes of its items by name."""
    fields = {name: bytes(value) for name, value in _raw_fields(raw).items()}
    if kind is Kind.CUSTOMERS:
        return fields, {json.loads(fields["name"]): raw}
    items = [bytes(item) for item in _raw_items(fields.pop(CONTRACTS[kind].item_field))]
    return fields, {_key(json.loads(item)): item for item in items}


def _key(item):
    return item["order"]["purchase_id"] if "order" in item else item["details"]


@dataclass
class Recipe:
    """How to make one line: a shape, a number of items, a spelling."""

    shape: str
    items: int = 1
    spelling: int = 0
    crlf: bool = False


NOPE = b'"nope"'
"""Is in every record that the server refuses."""

SHAPES = (
    "plain", "plain", "plain", "refused", "one_refused", "faulty", "broken", "not_text", "blank", "skipped",
    "partly_skipped", "large", "repeated",
)  # fmt: skip
_SPACES = ("", " ", "  ")
_EXTRAS = ("", '"x":1.50', '"é":"\\u00e9\\/","y":[1e2, {"id":"c0"}]')


@dataclass
class Exports:
    """The exports of all kinds; the exports of a kind are numbered in reading order."""

    folder: Path
    lines: dict[Kind, list[Line]] = field(default_factory=lambda: {kind: [] for kind in Kind})
    paths: dict[Kind, list[Path]] = field(default_factory=lambda: {kind: [] for kind in Kind})
    places: dict[str, tuple[Line, int]] = field(default_factory=dict)
    """Line and index of each item that is sent."""
    count: int = 0

    def append(self, kind, recipes, *, source, unfinished):
        """Write lines at the end of an export, or into a new one; `unfinished` leaves the last newline out."""
        source = min(source, len(self.paths[kind]))
        if source == len(self.paths[kind]):
            self.paths[kind].append(self.folder / f"{kind}-{source}.ndjson")
        path = self.paths[kind][source]
        content = _read(path) if path.exists() else b""
        if content and not content.endswith(b"\n"):
            content += b"\n"
        for recipe in recipes:
            line = self._line(kind, source, len(content), recipe)
            self.lines[kind].append(line)
            self.places.update((line.keys[index], (line, index)) for index in line.travelling)
            content += line.raw + (b"\r\n" if recipe.crlf else b"\n")
        if unfinished and recipes and self.lines[kind][-1].raw:
            content = content.rstrip(b"\r\n")
        self._write(path, content)

    def move(self, kind, source, *, packed):
        """Move an export, compressed or not."""
        old = self.paths[kind][source]
        self.count += 1
        new = self.folder / f"moved-{self.count}" / f"{kind}-{source}.ndjson{'.gz' if packed else ''}"
        new.parent.mkdir()
        self._write(new, _read(old))
        old.unlink()
        self.paths[kind][source] = new

    def copy(self, kind, source, *, packed):
        """Write an export once more, compressed or not; return its new path."""
        new = self.folder / f"copy.ndjson{'.gz' if packed else ''}"
        self._write(new, _read(self.paths[kind][source]))
        return new

    def cut(self, kind, source, at):
        """Keep only a part of an export's text; return a function that undoes it."""
        path = self.paths[kind][source]
        content = _read(path)
        self._write(path, content[:at])
        return lambda: self._write(path, content)

    @property
    def torn(self):
        """Return whether an export ends within a line."""
        return any(self._is_torn(path) for paths in self.paths.values() for path in paths)

    def finish(self):
        """End the lines that are not finished, as they are."""
        for path in [path for paths in self.paths.values() for path in paths if self._is_torn(path)]:
            self._write(path, _read(path) + b"\n")

    def _is_torn(self, path):
        return _read(path).rpartition(b"\n")[2].startswith(b'{"id": "c0", ')

    def _write(self, path, content):
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
        self.count += 1
        os.utime(path, (self.count, self.count))  # the real time would be chance

    def edit(self, kind, source, offset):
        """Change one byte, or append a line; return a function that undoes it."""
        path = self.paths[kind][source]
        content = _read(path)
        if offset is None:
            self._write(path, content + b'\n{"id": "new"}\n')
        else:
            self._write(path, content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        return lambda: self._write(path, content)

    def lines_in_order(self, kind):
        return sorted(self.lines[kind], key=lambda line: line.place)

    def line_at(self, kind, source, number):
        return next(line for line in self.lines[kind] if line.place == (source, number))

    def _line(self, kind, source, offset, recipe):
        number = 1 + sum(line.source == source for line in self.lines[kind])
        raw, result, keys, items = self._made(kind, recipe)
        duplicate = recipe.shape == "repeated"
        return Line(kind, source, number, offset, raw, result, keys, items, duplicate)

    def _made(self, kind, recipe):
        """Return a line's bytes, its result, its items' names and their number."""
        match recipe.shape:
            case "blank":
                return b" " * recipe.spelling, "blank", (), 0
            case "broken":
                return b'{"id": "c0", ', "faulty", (), 0
            case "not_text":
                return b'{"id": "\xff"}', "faulty", (), 0
            case "faulty":
                return b'{"id": 5, "raw": 1}', "faulty", (), int(kind is Kind.CUSTOMERS)
            case _ if kind is Kind.CUSTOMERS:
                return self._customer(recipe)
            case _:
                return self._items(kind, recipe)

    def _customer(self, recipe):
        key = self._name()
        # A deleted customer has no events: what belongs to one is skipped (tests/flow/test_deleted.py).
        known = "gone" if recipe.shape in ("skipped", "partly_skipped") else "c"
        customer = "c0" if recipe.shape == "repeated" else f"{known}{self.count}"
        fields = [
            f'"id":"{customer}"', f'"name":"{key}"', f'"email":"{key}@x.example"',
            '"registration_date":"2020-01-01T00:00:00Z"',
        ]  # fmt: skip
        if recipe.shape in ("refused", "one_refused"):
            fields.append(NOPE.decode() + ":1")
        if recipe.shape == "large":
            fields.append(f'"pad":"{"x" * 1200}"')
        if recipe.shape in ("skipped", "partly_skipped"):
            return _spell([*fields, '"deleted":true'], recipe.spelling), "skipped", (None,), 1
        return _spell(fields, recipe.spelling), "valid", (key,), 1

    def _items(self, kind, recipe):
        event = kind is Kind.EVENTS
        names = [self._name() for _ in range(recipe.items)]
        gone = _skipped_ones(recipe) if event else set()
        marks = ["" for _ in names]
        if recipe.shape == "one_refused":
            marks[-1] = f',{NOPE.decode()}:{{"a": 1}}'
        if recipe.shape == "large":
            marks[-1] = f',"pad":"{"x" * 1200}"'
        for index in gone:
            marks[index] = ',"status":"REVERSED"'
        write = _event if event else _transaction
        items = (", " if recipe.spelling else ",").join(
            write(name, mark) for name, mark in zip(names, marks, strict=True)
        )
        # Customers of events come often, and from among the migrated ones; those of transactions only once.
        customer = f"c{self.count % 5}" if event else "t0" if recipe.shape == "repeated" else f"t{self.count}"
        fields = [f'"id":"{customer}"', f'"{CONTRACTS[kind].item_field}":[{items}]']
        if recipe.shape == "refused":
            fields.append(NOPE.decode() + ":1")
        keys = tuple(None if index in gone else name for index, name in enumerate(names))
        result = "valid" if any(keys) else "skipped"
        return _spell(fields, recipe.spelling), result, keys, recipe.items

    def _name(self):
        self.count += 1
        return f"n{self.count}"


def _read(path):
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _skipped_ones(recipe):
    match recipe.shape:
        case "skipped":
            return set(range(recipe.items))
        case "partly_skipped":
            return set(range(0, recipe.items, 3))
        case _:
            return set()


def _spell(fields, spelling):
    space, extra = _SPACES[spelling], _EXTRAS[spelling]
    return ("{" + space + f",{space}".join([*fields, extra] if extra else fields) + space + "}").encode()


def _event(name, mark):
    order = f'"order":{{"purchase_id":"{name}","value":1.0,"discounted_value":1,"products":[{_PRODUCT}],{_CASH}}}'
    return f'{{"type":"PURCHASE",{order},"fulfilled":true,{_ISSUED},"resolved_at":null,"brand_id":null{mark}}}'


def _transaction(name, mark):
    return f'{{"reward_id":"{_REWARD}","type":"ACCUMULATION","amount":4,{_ISSUED},"details":"{name}"{mark}}}'


_PRODUCT = '{"sku":"a","amount":1,"value":1}'
_CASH = '"payment_method":"CASH"'
_ISSUED = '"issued_at":"2024-01-30T17:50:19Z"'
_REWARD = "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65"
