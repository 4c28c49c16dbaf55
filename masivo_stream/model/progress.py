"""How far a kind has come: what the journal keeps, and what a restart begins with. It holds no personal data."""

from collections.abc import Callable, Collection, Iterable
from itertools import repeat
from operator import attrgetter

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryColumns, Packable
from masivo_stream.model.results import Entry, Position

START = Position(0, 1, 0)


class KnownSource(Struct, frozen=True):
    """One input as the journal knows it. `identity` is the text that `edges.export.identity` writes."""

    number: int
    name: str
    size: int
    identity: bytes
    is_copy: bool = False
    """Whether it is a copy in the state directory: of dead letters, made by a retry, or of records taken back."""
    line: int = 1
    """Where reading begins: after the start if the input is what an earlier one has grown by."""
    offset: int = 0
    path: str = ""
    """Its path when it was last read, links resolved; `name` stays its first name. Empty if unknown."""


class Figures(Struct, frozen=True, kw_only=True):
    """The state of a tally."""

    read: int = 0
    blank: int = 0
    skipped: int = 0
    items_read: int = 0
    items_skipped: int = 0
    rejected: int = 0
    items_rejected: int = 0
    sendable_records: int = 0
    sendable_items: int = 0
    records: dict[str, int] = {}
    """Settled records by outcome."""
    items: dict[str, int] = {}
    """Settled items by outcome."""
    reasons: dict[str, int] = {}
    skip_reasons: dict[str, int] = {}
    remarks: dict[str, int] = {}
    """Batches by what was unusual about their acceptance."""
    alike: int = 0
    """Events that are sent although their purchase came before."""
    alike_at: tuple[tuple[str, int], ...] = ()
    """File and line of the first ones."""
    sent_before: int = 0
    """Events that are sent although an earlier run sent their purchase."""
    sent_before_at: tuple[tuple[str, int], ...] = ()
    """File and line of the first ones."""
    parted: list[tuple[str, int, int, tuple[int, ...]]] = []
    """Records in parts: file, line, items without an outcome, and how many parts have each outcome."""
    requests: int = 0
    throttled: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    ahead: tuple[tuple[int, int], ...] = ()
    """Source and line of records that are counted although they are beyond the read position: a canary's."""


class DeadLetterNote(Struct, frozen=True):
    """A record, or items of it, that became a dead letter."""

    source: int
    line: int
    indexes: tuple[int, ...] | None
    reason: str
    customer: int | None
    """Salted hash of the customer's id, if it could be read."""
    items: int = 1
    """How many items were counted as dead."""
    whole: bool = True
    """Whether the whole record is dead, not a part of it."""
    validated: bool = True
    """Whether it was rejected here, before it was packed."""
    digest: int = 0
    """Salted hash of the dead letter's bytes, to find out whether it was corrected."""
    of: tuple[int, int, tuple[int, ...] | None] | None = None
    """Source, line and items of its record in the export, if it was read from a retry's copy."""
    row: int = 0
    """Its row in the journal."""

    @property
    def record(self) -> tuple[int, int, tuple[int, ...] | None]:
        """Source, line and items of its record in the export."""
        return self.of or (self.source, self.line, self.indexes)


class RetryCopy(Struct, frozen=True):
    """The dead letters of a kind that a retry takes."""

    kind: Kind
    source: KnownSource | None
    """The copy that becomes an input; None if no dead letter is to be read again."""
    rows: Collection[int]
    """Their rows in the journal."""


class TakenBackCopy(Struct, frozen=True):
    """The accepted records of a kind that a revert took back and that are to be read again."""

    kind: Kind
    source: KnownSource
    """The copy that becomes an input."""
    figures: Figures
    """The kind's figures without these records."""
    records: int
    items: int


class Presence(Struct, frozen=True, kw_only=True):
    """Which customers were skipped as deleted since the last progress; customers are salted hashes."""

    held: list[tuple[int, int]] = []
    """Source and line of records that were skipped because of their customer."""
    gone: list[int] = []
    """Customers that were skipped as deleted."""
    alive: list[int] = []
    """Customers with a record to be sent: they do not count as deleted."""
    unsure: bool = False
    """Whether an earlier record to be sent may have been forgotten for some of the deleted ones."""


class Progress(Struct, frozen=True, kw_only=True):
    """One kind's progress at a moment when no change is half made."""

    read_position: Position
    """Every line before it is validated and counted, and its dead letter is written."""
    checkpoint: Position
    """Every line before it has an outcome: a restart reads on from here."""
    figures: Figures
    consumed: tuple[tuple[int, int, int, int], ...]
    """Source, plain bytes before the read position, their CRC-32, and the line there, for each source begun."""
    dead_letters_bytes: int
    """Length of the dead-letter file that belongs to this progress."""
    dead_letters_crc: int = 0
    """CRC-32 of those bytes."""
    dead: list[DeadLetterNote]
    """Dead letters since the last progress."""
    retried: list[int] = []
    """Rows of dead letters that were tried again since."""
    read_all: bool = False
    """Whether every input was read to its end."""
    arrived: list[int] = []
    """Salted hashes of customers accepted since. An earlier record of them may have been a dead letter."""
    skipped_bytes: int = 0
    """Length of the list of skipped records that belongs to this progress."""
    skipped_crc: int = 0
    """CRC-32 of those bytes."""
    presence: Presence = Presence()


class Reference(Struct, frozen=True, array_like=True):
    """Where an entry of a batch is in its input."""

    source: int
    line: int
    offset: int
    length: int
    items: int
    record_items: int
    indexes: tuple[int, ...] | None


_refer: Callable[[Entry], tuple[object, ...]] = attrgetter(*Reference.__struct_fields__)


def refer(part: Packable) -> Iterable[tuple[object, ...]]:
    """Return where each entry is: what is written of it, a `Reference` when it is read."""
    if not isinstance(part, EntryColumns):
        return (_refer(part),)
    lengths = [size - 1 for size in part.sizes]
    return zip(repeat(part.source), part.lines, part.offsets, lengths, part.items, part.items, repeat(None))


class Doubt(Struct, frozen=True):
    """A batch in doubt, as the journal knows it."""

    batch: str
    kind: Kind
    records: int
    items: int
    attempts: int
    sent_at: str
    """ISO 8601, by this machine's clock: its first attempt that may have arrived."""
    why: str


class Suspects(Struct, frozen=True):
    """Records among which a culprit is; a single one was refused alone."""

    batch: str
    status: int
    references: tuple[Reference, ...]


Covered = dict[tuple[int, int], frozenset[int] | None]
"""Records that have an outcome already, by source and line: these items of them, or None for all."""


class Resume(Struct, frozen=True, kw_only=True):
    """What a kind begins with: everything at its start, or where an earlier process left it."""

    start: Position = START
    read_position: Position = START
    figures: Figures = Figures()
    covered: Covered = {}
    consumed: dict[int, tuple[int, int, int]] = {}
    """By source: plain bytes before the read position, their CRC-32, and the line there."""
    dead_letters_bytes: int = 0
    dead_letters_crc: int = 0
    skipped_bytes: int = 0
    skipped_crc: int = 0
    read_all: bool = False
    visible: bool = False
    """Whether its effects were seen to show already."""
    doubtful: tuple[str, ...] = ()
    """Batches that were on the wire when the process before ended: in doubt."""
    unanswered: dict[str, set[tuple[int, int]]] = {}
    """Source and line of records that may have been applied and are sent again, by batch."""
    unanswered_at: dict[str, str] = {}
    """When the last such attempt of each of these batches ended, or was sent: ISO 8601, by this machine's clock."""
    suspects: tuple[Suspects, ...] = ()
    """Where isolation was: these are not read again (they are `covered`), it goes on with them."""
    to_retry: dict[str, int] = {}
    """Dead letters that a retry has taken and that are not read again yet, by reason."""
