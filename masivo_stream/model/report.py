"""The report of a run: its summary, and what shows how it went. `report.json` is its JSON form, `report.html` the page.

Something to attach to a change ticket: positions, counts, moments and names of files; no value of a record, no id of a
customer, no secret. What persons wrote beside their decisions stands in it as they wrote it. Moments are ISO 8601, UTC.
"""

from msgspec import Struct, field

from masivo_stream.model.next_step import Invocation
from masivo_stream.model.snapshot import Point
from masivo_stream.model.summary import Summary


class Facts(Struct, frozen=True, kw_only=True):
    """What a process was started with; the journal keeps those of the last one. No secret is in it."""

    began_at: str = ""
    invocation: Invocation = Invocation()
    settings: dict[str, str] = {}
    """By section and name (`api.base_url`), as a person would write the value."""
    changed: tuple[str, ...] = ()
    """Those that differ from the defaults."""
    versions: dict[str, str] = {}


class InputFacts(Struct, frozen=True, kw_only=True):
    """One input: what it was when it was read, and how far reading came."""

    kind: str
    name: str
    size: int
    """Bytes as stored; 0 where that is not known (standard input)."""
    bytes_read: int
    """Of plain text."""
    crc32: str
    """Of that plain text, in hexadecimal: `gzip -dc FILE | head -c BYTES | crc32 /dev/stdin`."""
    line: int
    """The line that would be read next."""
    modified_at: str = ""
    letters: bool = False
    """A retry's copy of dead letters."""


class KindTimes(Struct, frozen=True, kw_only=True):
    """When a kind's requests were on their way, and what came of its batches."""

    first_at: str
    last_at: str
    batches: int
    refused: int


class DoubtPlace(Struct, frozen=True, kw_only=True):
    """A batch in doubt. `places`: file, first and last line concerned."""

    batch: str
    kind: str
    records: int
    items: int
    attempts: int
    sent_at: str
    why: str
    places: tuple[tuple[str, int, int], ...]


class DecisionNote(Struct, frozen=True, kw_only=True):
    """What a person decided, and what was noted beside it."""

    at: str
    what: str
    batch: str
    detail: str


class Report(Summary, frozen=True, kw_only=True):
    """A summary, and how it came about."""

    told_at: str
    owner: str = ""
    """Process and host at work at that moment; empty for nobody."""
    state_dir: str
    facts: Facts = Facts()
    inputs: tuple[InputFacts, ...] = ()
    times: dict[str, KindTimes] = field(default_factory=dict)
    time_line: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    """By kind, oldest first, by when a batch was sent; stretches in which nothing was sent are left out.

    An attempt that certainly was not applied (429, no connection) leaves no trace in the journal: it is not in here.
    """
    doubts: tuple[DoubtPlace, ...] = ()
    doubts_left_out: int = 0
    decisions: tuple[DecisionNote, ...] = ()
    """The last ones, oldest first."""
    decisions_left_out: int = 0
