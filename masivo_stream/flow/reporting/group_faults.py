"""Group the dead letters that are in the dead-letter files, for a summary or report of any process.

The file has everything that the groups need, so nothing is noted for them. What is read of it is bounded.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from masivo_stream.core.fault_groups import FaultGrouper, join_groups
from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.mending.corrections import count_given_up, read_corrections
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.results import Rejected
from masivo_stream.model.summary import KindSummary

MOST_BYTES = 512 << 20
"""How much of a dead-letter file is read: some two seconds."""

MOST_READ = 500_000
"""Dead letters of a kind that are read."""


class _Fault(Struct, frozen=True, gc=False):
    reason: str
    field: str = ""
    message: str = ""


class _DeadLetter(Struct, frozen=True, gc=False):
    file: str
    line: int
    offset: int
    reason: str
    field: str = ""
    message: str = ""
    faults: tuple[_Fault, ...] = ()
    """Empty if an earlier version wrote it."""
    faults_now: tuple[_Fault, ...] | None = None
    """What is wrong since `mend` has changed it."""


def find_fault_groups(journal: JournalReader, state: StateDir, kinds: dict[str, KindSummary]) -> FaultGroups:
    """Return the groups of the dead letters of all kinds that are in the dead-letter files."""
    corrections = read_corrections(state)
    edited = {each.kind for each in corrections}
    groups = join_groups(
        _of_kind(Kind(kind), state, MOST_BYTES if kind in edited else journal.dead_letter_file(Kind(kind))[0])
        for kind, figures in kinds.items()
        if figures.reasons
    )
    return replace(groups, given_up=count_given_up(corrections))


def add_rejected(grouper: FaultGrouper, dead_letters: Iterable[Rejected]) -> None:
    """Add what is about to be written to a dead-letter file."""
    for each in dead_letters:
        shown = each if each.retried is None else each.retried
        faults = [(fault.reason, fault.field, fault.message) for fault in each.faults]
        grouper.add((shown.file, shown.line, shown.offset), faults)


def _of_kind(kind: Kind, state: StateDir, counted: int) -> FaultGroups:
    """Group the dead letters in the first `counted` bytes of a kind's file."""
    grouper = FaultGrouper(kind)
    decode = msgspec.json.Decoder(_DeadLetter).decode
    read = 0
    try:
        for line in state.lines(dead_letter_name(kind), min(counted, MOST_BYTES)):
            try:
                found = decode(line)
            except (ValueError, RecursionError):  # cut where reading ends, or being edited by a person
                continue
            known = found.faults or (found,) if found.faults_now is None else found.faults_now
            faults = [(each.reason, each.field, each.message) for each in known]
            read += 1
            if not faults:
                grouper.add_corrected()
                continue
            grouper.add((found.file, found.line, found.offset), faults)
            if read >= MOST_READ:
                break
    except StorageError:
        pass
    return grouper.result()
