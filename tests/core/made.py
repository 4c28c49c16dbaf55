"""Records, lines and entries made up for the tests: valid unless a test changes them."""

import json
from collections.abc import Iterable
from itertools import accumulate, groupby
from typing import Any

from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import KnownIds
from masivo_stream.core.reading.purchases import EventMemory
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.results import Entry, Line, LineResult
from masivo_stream.model.text_lines import TextLines

DATE = "2023-11-07T05:31:56Z"
REWARD = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
PRODUCT = {"sku": "s", "amount": 1, "value": 2}


def customer(**changes: Any) -> dict[str, Any]:
    return {"id": "c", "name": "Ana", "email": "a@example.test", "registration_date": DATE} | changes


def order(**changes: Any) -> dict[str, Any]:
    made = {"purchase_id": "p", "value": 2, "discounted_value": 1.5, "products": [PRODUCT], "payment_method": "CASH"}
    return made | changes


def event(**changes: Any) -> dict[str, Any]:
    made = {
        "type": "PURCHASE",
        "order": order(),
        "fulfilled": True,
        "issued_at": DATE,
        "resolved_at": None,
        "brand_id": None,
    }
    return made | changes


def transaction(**changes: Any) -> dict[str, Any]:
    return {"type": "ACCUMULATION", "reward_id": REWARD, "amount": 5, "issued_at": DATE} | changes


def events(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": "c", "events": list(items or [event()])} | changes


def transactions(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": "c", "transactions": list(items or [transaction()])} | changes


def valid(kind: Kind) -> dict[str, Any]:
    return {Kind.CUSTOMERS: customer, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions}[kind]()


def as_bytes(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def decoder(kind: Kind, *, remember_ids: int = 1000, purchases: EventMemory | None = None, **rules: Any) -> Decoder:
    made = Rules(kind=kind, **({"max_line_bytes": 1 << 24, "thorough": True} | rules))
    return Decoder(made, KnownIds(capacity=remember_ids), purchases)


def validate(kind: Kind, body: bytes, **settings: Any) -> LineResult:
    """Validate one line with a decoder that has seen no other line."""
    return decoder(kind, **settings).validate(Line(7, 300, body, len(body)), "export.ndjson")


def entry(
    kind: Kind = Kind.CUSTOMERS, *, items: int = 1, line: int = 1, pads: tuple[int, ...] = (), file: str = "f"
) -> Entry:
    """Make an entry with a number of small items; `pads` lengthens them one by one."""
    lengths = (*pads, *(0 for _ in range(items - len(pads))))[:items]
    made = [{"n": index, "pad": "x" * length} for index, length in enumerate(lengths)]
    field = {Kind.EVENTS: "events", Kind.TRANSACTIONS: "transactions"}.get(kind)
    body = as_bytes({"id": f"c{line}", field: made} if field else {"id": f"c{line}", "pad": made[0]["pad"]})
    return Entry(
        file=file,
        line=line,
        offset=line * 1000,
        length=len(body),
        body=body,
        customer=f"c{line}",
        items=items,
        record_items=items,
    )


def in_runs(found: Iterable[LineResult]) -> list[LineResults]:
    """Put entries that are whole lines and follow one another into runs, as the decoder does."""
    runs: list[LineResults] = []
    numbered = enumerate(found)
    for key, group in groupby(numbered, key=lambda each: _run(*each)):
        results = [result for _, result in group]
        if key is None or len(results) == 1:
            runs.extend(results)
        else:
            runs.append(_join([each for each in results if isinstance(each, Entry)]))
    return runs


def text_lines(bodies: Iterable[bytes], begin: int = 0) -> TextLines:
    """Return lines as lines of a text that begins at the offset `begin`."""
    ends = [body + b"\n" for body in bodies]
    return TextLines(b"".join(ends), list(accumulate(map(len, ends), initial=begin)), begin)


def _run(index: int, found: LineResult) -> tuple[str, int, int] | None:
    """Yield a key that changes where a new run begins."""
    if not isinstance(found, Entry) or found.indexes or found.skipped_items or found.retried or not found.whole:
        return None
    return found.file, found.source, found.line - index


def _join(entries: list[Entry]) -> EntryRun:
    bodies = [each.body for each in entries]
    return EntryRun(
        file=entries[0].file,
        source=entries[0].source,
        line=entries[0].line,
        bodies=bodies if entries[0].line % 2 else text_lines(bodies),
        offsets=[each.offset for each in entries],
        customers=[each.customer for each in entries],
        items=[each.items for each in entries],
    )
