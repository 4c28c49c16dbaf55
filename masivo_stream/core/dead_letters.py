"""The formats of a dead letter: one JSON line that a run writes, a person corrects, and a retry reads again.

1. The dead-letter file (docs/dead-letters.md): a fixed format. A person changes `raw`, or replaces `raw_base64`
   by `raw`, and nothing else.
2. The copy that a retry reads: `write_retry` writes its lines. Beside the record's bytes they hold how the dead letter
   was counted (`Retried`). What a revert took back is written in the same form (`write_taken_back`).
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.lines import lines_of
from masivo_stream.model.contract import Kind
from masivo_stream.model.earlier_runs import THIS_RUN, EarlierRun, SentItem
from masivo_stream.model.progress import DeadLetterNote
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import (
    Blank,
    Death,
    Entry,
    Line,
    LineResult,
    LineRun,
    RecordFault,
    Rejected,
    Retried,
    reject_entry,
)

_encode = msgspec.json.Encoder().encode

FOUND_BY_CHECKS = frozenset({Reason.BALANCE_MISMATCH, Reason.NO_BALANCE, Reason.UNKNOWN_CUSTOMER})
"""Reasons for which the API would refuse a record as well, unless it knows more than the exports say."""

UNMENDED_STAY = FOUND_BY_CHECKS | {
    Reason.DUPLICATE_ID,
    Reason.DUPLICATE_EMAIL,
    Reason.SPLIT_TRANSACTIONS,
    Reason.DISCARDED,
}
"""Reasons that remain until the record is corrected. Sent again as it was, it would be refused, which costs about ten
requests for each; or it might be applied a second time; or only a part of a customer's transactions would be applied,
and the rest never could be."""

_HELD = (
    "a revert took back its customer, who came from another run: revert the same period with that run's state"
    " directory, start migrate --only-missing there, then start retry here"
)


class DeadLetter(Struct, kw_only=True):
    """What a retry needs of a line of a dead-letter file."""

    file: str
    line: int
    offset: int
    length: int
    reason: str
    at: str
    items: tuple[int, ...] | None = None
    field: str = ""
    message: str = ""
    status: int | None = None
    batch: str | None = None
    raw: str | None = None
    raw_base64: str | None = None
    earlier: tuple[Death, ...] = ()

    @property
    def body(self) -> bytes:
        """The record's bytes.

        Raises:
            ValueError: there is neither `raw` nor `raw_base64`, or the latter is not base64.
        """
        if self.raw is not None:
            return self.raw.encode()
        if self.raw_base64 is None:
            raise ValueError("neither raw nor raw_base64")
        return base64.b64decode(self.raw_base64, validate=True)


class _Retry(Struct, frozen=True, kw_only=True):
    """A line of the copy that a retry reads."""

    retried: Retried
    body: bytes
    mended: bool
    """Whether a person has changed the record, or what was wrong with it may be right now."""
    held: bool = False
    """Its customer is not in the account, and another run migrated it: the record stays a dead letter until a retry."""


def write_dead_letter(kind: Kind, rejected: Rejected, at: str) -> bytes:
    """Return a line of the dead-letter file, newline included; `at` is the moment, ISO 8601.

    The order of the fields is part of the format. A retried dead letter keeps its place in the export.
    """
    old = rejected.retried
    shown = rejected if old is None else old
    fields: dict[str, Any] = {
        "kind": kind,
        "file": shown.file,
        "line": shown.line,
        "offset": shown.offset,
        "length": shown.length,
        "items": rejected.items if old is None else old.name_items(rejected.items),
        "reason": rejected.reason,
        "field": replace_surrogates(rejected.field),
        "message": replace_surrogates(rejected.message),
        "status": rejected.status,
        "batch": rejected.batch,
        "at": at,
    }
    try:
        fields["raw"] = rejected.raw.decode()
    except UnicodeDecodeError:
        fields["raw_base64"] = base64.b64encode(rejected.raw).decode()
    if old is not None:
        fields["earlier"] = old.earlier
    fields["faults"] = [_write_fault(fault) for fault in rejected.faults]
    if rejected.faults_left_out:
        fields["faults_left_out"] = rejected.faults_left_out
    return _encode(fields) + b"\n"


def _write_fault(fault: RecordFault) -> dict[str, str]:
    return {
        "reason": fault.reason,
        "field": replace_surrogates(fault.field),
        "message": replace_surrogates(fault.message),
    }


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON can escape but UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def read_dead_letter(line: bytes) -> DeadLetter | None:
    """Return a line of a dead-letter file; None if it is not one, or holds no record."""
    try:
        dead_letter = msgspec.json.decode(line, type=DeadLetter)
        _ = dead_letter.body
    except (ValueError, RecursionError, binascii.Error):
        return None
    return dead_letter


def write_retry(dead_letter: DeadLetter, dead: DeadLetterNote, *, mended: bool) -> bytes:
    """Return a dead letter as a line of a retry's copy; `dead` is what the journal knows about it."""
    own = Death(
        at=dead_letter.at,
        reason=dead.reason,
        field=dead_letter.field,
        message=dead_letter.message,
        status=dead_letter.status,
        batch=dead_letter.batch,
    )
    source, line, items = dead.record
    retried = Retried(
        row=dead.row,
        source=source,
        file=dead_letter.file,
        line=line,
        offset=dead_letter.offset,
        length=dead_letter.length,
        items=items,
        count=dead.items,
        whole=dead.whole,
        validated=dead.validated,
        customer=dead.customer,
        earlier=(*dead_letter.earlier, own),
    )
    return _encode(_Retry(retried=retried, body=dead_letter.body, mended=mended)) + b"\n"


def write_taken_back(entry: Entry, *, at: str, customer: int, held: bool) -> bytes:
    """Return an entry that was accepted and then taken back by a revert, as a line of a copy like a retry's.

    Args:
        entry: what was accepted of the record.
        at: the moment, ISO 8601.
        customer: the salted hash of the customer's id.
        held: the customer is not in the account, and another run migrated it.
    """
    old, death = entry.retried, _taken_back(at)
    if old is not None:
        items = old.name_items(entry.indexes)
        retried = msgspec.structs.replace(old, row=0, items=items, earlier=(*old.earlier, death))
    else:
        retried = Retried(
            row=0,
            source=entry.source,
            file=entry.file,
            line=entry.line,
            offset=entry.offset,
            length=entry.length,
            items=entry.indexes,
            count=0,
            whole=True,
            validated=False,
            customer=None,
            earlier=(death,),
        )
    retried = msgspec.structs.replace(retried, count=entry.items, whole=entry.whole, validated=False, customer=customer)
    return _encode(_Retry(retried=retried, body=entry.body, mended=False, held=held)) + b"\n"


def _taken_back(at: str) -> Death:
    return Death(at=at, reason=Reason.TAKEN_BACK, field="", message="a revert took it back", status=None, batch=None)


def read_retry(line: bytes) -> tuple[bytes, Retried]:
    """Return the record's bytes and its place in the export from a line that `write_retry` made."""
    retry = msgspec.json.decode(line, type=_Retry)
    return retry.body, retry.retried


def validate_dead_letters(
    decoder: Decoder, pieces: Iterable[LineRun | Line], file: str, source: int
) -> list[LineResult]:
    """Return the results of the records in lines that `write_retry` made, as `validate_retry` does."""
    return [validate_retry(decoder, line, file, source) for line in lines_of(pieces)]


def validate_retry(decoder: Decoder, line: Line, file: str, source: int) -> LineResult:
    """Return the result of the record in a line that `write_retry` made; the result knows its place in the export."""
    # 1. The record has an outcome already. It is read on the way to records that have none.
    if not line.body:
        return Blank(line.number)
    retry = msgspec.json.decode(line.body, type=_Retry)
    body, old = retry.body, retry.retried
    # 2. An empty record, or one that must be corrected first and was not.
    if not body.strip() or (not retry.mended and old.earlier[-1].reason in UNMENDED_STAY):
        return _as_before(line, file, retry)
    # 3. A line that was too long: the dead letter holds only its beginning; uncorrected, it keeps the old reason.
    validated = decoder.validate(Line(line.number, line.offset, body, len(body)), file, source)
    cut = old.earlier[-1].reason == Reason.TOO_LONG and isinstance(validated, Rejected) and not retry.mended
    if cut or isinstance(validated, Blank):
        return _as_before(line, file, retry)
    # 4. Everything else is validated like a line of an export.
    if isinstance(validated, Entry):
        same, alike, sent = _sent_by_this_run(validated, old)
        items, last = validated.indexes or tuple(range(validated.items)), old.earlier[-1].reason
        if last == Reason.DUPLICATE_EVENT and not retry.mended:  # the setting decides, as before
            same = items
        if last == Reason.SENT_BEFORE and not retry.mended and not sent:  # likewise, also without the earlier notes
            sent = tuple(SentItem(item, same=True, run=EarlierRun(state_dir="", at="")) for item in items)
        entry = msgspec.structs.replace(validated, retried=old, length=line.length, same=same, alike=alike, sent=sent)
        return reject_entry(entry, Reason.CUSTOMER_NOT_MIGRATED, _HELD) if retry.held else entry
    return msgspec.structs.replace(validated, retried=old)


def _sent_by_this_run(entry: Entry, old: Retried) -> tuple[tuple[int, ...], tuple[int, ...], tuple[SentItem, ...]]:
    """Return the items that came before in this run, in the same event or in another, and those that others sent.

    If a revert took the record back, it was sent before, and is to be sent again.
    """
    same, alike = set(entry.same), set(entry.alike)
    if not any(death.reason == Reason.TAKEN_BACK for death in old.earlier):
        same |= {each.item for each in entry.sent if each.run is THIS_RUN and each.same}
        alike |= {each.item for each in entry.sent if each.run is THIS_RUN} - same
    others = tuple(each for each in entry.sent if each.run is not THIS_RUN)
    return tuple(sorted(same)), tuple(sorted(alike)), others


def _as_before(line: Line, file: str, retry: _Retry) -> Rejected:
    """Return the rejection of a record for the same reason as before."""
    old, last = retry.retried, retry.retried.earlier[-1]
    return Rejected(
        file=file,
        line=line.number,
        offset=line.offset,
        length=line.length,
        reason=Reason(last.reason),
        field=last.field,
        message=last.message,
        raw=retry.body,
        item_count=old.count,
        status=last.status,
        batch=last.batch,
        retried=old,
    )
