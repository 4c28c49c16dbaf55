"""The report of a run: its summary, and how it went. `report.json` is its JSON form, `report.html` the page.

It can be attached to a change ticket: it holds positions, counts, moments and names of files, but no value of a record,
no id of a customer, no secret. Notes that people wrote with their decisions are in it as written. Moments are ISO 8601,
UTC.
"""

from msgspec import Struct, field

from masivo_stream.model.snapshot import Point
from masivo_stream.model.summary import Invocation, Summary


class Facts(Struct, frozen=True, kw_only=True):
    """The settings that a process was started with; the journal keeps those of the last one. They hold no secret."""

    began_at: str = ""
    invocation: Invocation = Invocation()
    settings: dict[str, str] = {}
    """By section and name (`api.base_url`), each value as a person would write it."""
    changed: tuple[str, ...] = ()
    """The names of settings that differ from their defaults."""
    versions: dict[str, str] = {}


class InputFacts(Struct, frozen=True, kw_only=True):
    """One input: what it was when it was read, and how far it was read."""

    kind: str
    name: str
    size: int
    """Bytes as stored; 0 if that is not known (standard input)."""
    bytes_read: int
    """Bytes of plain text that were read."""
    crc32: str
    """Of that plain text, in hexadecimal: `gzip -dc FILE | head -c BYTES | crc32 /dev/stdin`."""
    line: int
    """The line that would be read next."""
    modified_at: str = ""
    letters: bool = False
    """Whether it is a retry's copy of dead letters."""


class KindTimes(Struct, frozen=True, kw_only=True):
    """When a kind's requests were in flight, and the outcomes of its batches."""

    first_at: str
    last_at: str
    batches: int
    refused: int


class DoubtPlace(Struct, frozen=True, kw_only=True):
    """A batch in doubt."""

    batch: str
    kind: str
    records: int
    items: int
    attempts: int
    sent_at: str
    why: str
    places: tuple[tuple[str, int, int], ...]
    """File, first and last line of the records in it."""


class DecisionNote(Struct, frozen=True, kw_only=True):
    """A person's decision, and the note that was written with it."""

    at: str
    what: str
    batch: str
    detail: str


class Report(Summary, frozen=True, kw_only=True):
    """A summary, and how the run went."""

    told_at: str
    owner: str = ""
    """Process and host at work at that moment; empty if no process was at work."""
    state_dir: str
    facts: Facts = Facts()
    inputs: tuple[InputFacts, ...] = ()
    times: dict[str, KindTimes] = field(default_factory=dict)
    time_line: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    """By kind, oldest first, by when a batch was sent; times in which nothing was sent are left out.

    Attempts that were certainly not applied (429, no connection) are missing: they leave no trace in the journal.
    """
    doubts: tuple[DoubtPlace, ...] = ()
    doubts_left_out: int = 0
    decisions: tuple[DecisionNote, ...] = ()
    """The latest decisions, oldest first."""
    decisions_left_out: int = 0
