"""A line of a dead-letter file as a correction reads and writes it.

Only `raw` changes, and two fields are added: `mended` says by which correction, and where the line before it is kept;
`faults_now` lists what is wrong with the corrected record. All else of the line stays byte for byte as it was.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from masivo_stream.core.dead_letters import DeadLetter, replace_surrogates
from masivo_stream.core.fault_groups import group_key
from masivo_stream.core.mending.json_text import read_text, write_fields
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Blank, Line, Rejected

Key = tuple[str, str, str]
"""What faults of one cause have in common: reason, field and message without values (`fault_groups.group_key`)."""

SHOWN_HERE = frozenset(
    {
        *(Reason.INVALID_JSON, Reason.INVALID_UTF8, Reason.TOO_DEEP, Reason.MISSING_FIELD, Reason.UNKNOWN_FIELD),
        *(Reason.DUPLICATE_FIELD, Reason.WRONG_TYPE, Reason.INVALID_VALUE, Reason.NO_ITEMS, Reason.TOO_MANY_ITEMS),
        *(Reason.TOO_LONG, Reason.TRUNCATED_INPUT),
    }
)
"""Reasons that the record alone shows. All others need the API, or other records."""


class LetterFault(Struct, frozen=True, gc=False):
    """One thing that is wrong with a record, as a dead letter lists it."""

    reason: str
    field: str = ""
    message: str = ""


class Mark(Struct, frozen=True, gc=False):
    """By which correction a dead letter was changed, and where the line before it is."""

    mend: int
    original: int
    """Offset in the file of that correction."""


class Letter(DeadLetter, kw_only=True):
    """A dead letter, with what a correction needs of it."""

    faults: tuple[LetterFault, ...] = ()
    mended: tuple[Mark, ...] = ()
    faults_now: tuple[LetterFault, ...] | None = None

    @property
    def listed(self) -> tuple[LetterFault, ...]:
        """What the line says is wrong; an earlier version of the program wrote one fault only."""
        if self.faults_now is not None:
            return self.faults_now
        return self.faults or (LetterFault(self.reason, self.field, self.message),)


_decode = msgspec.json.Decoder(Letter).decode
_encode = msgspec.json.Encoder().encode


def read_letter(line: bytes) -> Letter | None:
    """Return a line of a dead-letter file; None if it is not one, or holds no record."""
    try:
        letter = _decode(line)
        _ = letter.body
    except (ValueError, RecursionError, binascii.Error):
        return None
    return letter


def write_letter(line: bytes, letter: Letter, body: bytes, mark: Mark, faults: tuple[LetterFault, ...]) -> bytes:
    """Return the line of `letter` with the corrected record `body`, and with what is wrong with it now."""
    listed = [{**msgspec.structs.asdict(fault), "field": replace_surrogates(fault.field)} for fault in faults]
    values = {"mended": _encode([*letter.mended, mark]).decode(), "faults_now": _encode(listed).decode()}
    renamed = {}
    try:
        values["raw"] = _encode(body.decode()).decode()
    except UnicodeDecodeError:
        values["raw_base64"] = _encode(base64.b64encode(body).decode()).decode()
    else:
        renamed = {} if letter.raw is not None else {"raw_base64": "raw"}
    return write_fields(read_text(line).rstrip("\r\n"), values, renamed=renamed).encode() + b"\n"


def sign(line: bytes) -> str:
    """Return a short digest of a line, to see whether it was changed since."""
    return hashlib.blake2b(line.rstrip(b"\r\n"), digest_size=12).hexdigest()


class NoMemory:
    """The memory of a check that looks at one record alone."""

    def note(self, _customer: str, _email: str | None = None) -> None:
        """Remember nothing."""

    def note_all(self, _customers: list[str], _emails: list[str]) -> Mapping[int, Reason]:
        """Remember nothing, and find nothing."""
        return {}

    def __contains__(self, _customer: str) -> bool:
        """No record came before."""
        return False


class Checker:
    """Check single records of a kind, as validation does, but each without the others."""

    def __init__(self, decoder: Decoder) -> None:
        """Check by `decoder`, whose memory is `NoMemory`."""
        self._decoder = decoder

    def faults(self, body: bytes) -> tuple[LetterFault, ...]:
        """Return what is wrong with a record; nothing if it can be sent."""
        result = self._decoder.validate(Line(1, 0, body, len(body)), "")
        if isinstance(result, Blank):
            return (LetterFault(Reason.INVALID_JSON, "", "the record is empty"),)
        if isinstance(result, Rejected):
            return tuple(LetterFault(each.reason, each.field, each.message) for each in result.faults)
        return ()

    def faults_after(self, body: bytes, before: tuple[LetterFault, ...]) -> tuple[LetterFault, ...]:
        """Return what is wrong with a corrected record: what it shows, and what was `found_elsewhere` before."""
        return (*self.faults(body), *found_elsewhere(before))


def found_elsewhere(faults: tuple[LetterFault, ...], corrected: Key | None = None) -> tuple[LetterFault, ...]:
    """Return those of a dead letter's faults that only the API or other records show, but for the `corrected` cause."""
    return tuple(
        fault
        for fault in faults
        if fault.reason not in SHOWN_HERE and group_key(fault.reason, fault.field, fault.message) != corrected
    )
