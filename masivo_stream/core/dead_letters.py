"""The dead letter on paper: one JSON line, as a run writes it, a person mends it, and a retry reads it again.

The format is fixed (README): a person changes `raw`, or replaces `raw_base64` by it, and nothing else. A retry works on
a copy of its own, whose lines say beside the record's bytes how the letter was counted (`Retried`).
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
from masivo_stream.model.progress import DeadRow
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Blank, Death, Entry, Line, LineResult, LineRun, Rejected, Retried, reject_entry

_encode = msgspec.json.Encoder().encode

UNMENDED_STAY = frozenset({Reason.DUPLICATE_ID, Reason.DUPLICATE_EMAIL, Reason.DISCARDED})
"""Reasons that stand for as long as the record is as it was: sent again, it might be applied beside the other one."""


_HELD = (
    "a revert took its customer back, whom another run migrated: revert the same period with that run's state directory"
    " and start migrate --only-missing there, then retry here"
)


class DeadLetter(Struct, kw_only=True):
    """A line of a dead-letter file."""

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
            ValueError: there are none, or they are no base64.
        """
        if self.raw is not None:
            return self.raw.encode()
        if self.raw_base64 is None:
            raise ValueError("neither raw nor raw_base64")
        return base64.b64decode(self.raw_base64, validate=True)


class _Retry(Struct, frozen=True, kw_only=True):
    """A line of a retry's own copy."""

    retried: Retried
    body: bytes
    mended: bool
    held: bool = False
    """Its customer is not there, and is not this run's to send: it stays a dead letter until a retry takes it."""


def write_dead_letter(kind: Kind, rejected: Rejected, at: str) -> bytes:
    """Return one line, newline included. The order of the fields is part of the format."""
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
    return _encode(fields) + b"\n"


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON can escape but UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def read_dead_letter(line: bytes) -> DeadLetter | None:
    """Return a line of a dead-letter file, None if it is none."""
    try:
        letter = msgspec.json.decode(line, type=DeadLetter)
        _ = letter.body
    except (ValueError, RecursionError, binascii.Error):
        return None
    return letter


def write_retry(letter: DeadLetter, dead: DeadRow, *, mended: bool) -> bytes:
    """Return a letter as a line of a retry's copy; `dead` is what the journal knows of it."""
    own = Death(
        at=letter.at,
        reason=dead.reason,
        field=letter.field,
        message=letter.message,
        status=letter.status,
        batch=letter.batch,
    )
    source, line, items = dead.record
    retried = Retried(
        row=dead.row,
        source=source,
        file=letter.file,
        line=line,
        offset=letter.offset,
        length=letter.length,
        items=items,
        count=dead.items,
        whole=dead.whole,
        validated=dead.validated,
        customer=dead.customer,
        earlier=(*letter.earlier, own),
    )
    return _encode(_Retry(retried=retried, body=letter.body, mended=mended)) + b"\n"


def write_taken_back(entry: Entry, *, at: str, customer: int, held: bool) -> bytes:
    """Return what was accepted of a record, and taken back since, as a line of a copy that is read as a retry's is.

    `at` is the moment, ISO 8601; `customer` the salted hash of its customer. `held`: the customer is not there, and is
    not this run's to send.
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
    """Return the record's bytes, and where it stands, of a line that `write_retry` made."""
    retry = msgspec.json.decode(line, type=_Retry)
    return retry.body, retry.retried


def validate_dead_letters(
    decoder: Decoder, pieces: Iterable[LineRun | Line], file: str, source: int
) -> list[LineResult]:
    """Judge the records in lines that `write_retry` made, as `judge_retry` does."""
    return [validate_retry(decoder, line, file, source) for line in lines_of(pieces)]


def validate_retry(decoder: Decoder, line: Line, file: str, source: int) -> LineResult:
    """Judge the record in a line that `write_retry` made; whatever becomes of it knows where it comes from."""
    if not line.body:  # it has a fate, and is read on the way to those that have none
        return Blank(line.number)
    retry = msgspec.json.decode(line.body, type=_Retry)
    body, old = retry.body, retry.retried
    if not body.strip() or (not retry.mended and old.earlier[-1].reason in UNMENDED_STAY):
        return _as_before(line, file, retry)
    validated = decoder.validate(Line(line.number, line.offset, body, len(body)), file, source)
    cut = old.earlier[-1].reason == Reason.TOO_LONG and isinstance(validated, Rejected) and not retry.mended
    if cut or isinstance(validated, Blank):  # only its beginning is known
        return _as_before(line, file, retry)
    if isinstance(validated, Entry):
        same = validated.same
        if old.earlier[-1].reason == Reason.DUPLICATE_EVENT and not retry.mended:  # the setting decides, as before
            same = validated.indexes or tuple(range(validated.items))
        entry = msgspec.structs.replace(validated, retried=old, length=line.length, same=same)
        return reject_entry(entry, Reason.CUSTOMER_NOT_MIGRATED, _HELD) if retry.held else entry
    return msgspec.structs.replace(validated, retried=old)


def _as_before(line: Line, file: str, retry: _Retry) -> Rejected:
    """Reject a record for what it was rejected before."""
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
