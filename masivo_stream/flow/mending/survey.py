"""Count dead letters by cause, and by what a retry would do with them now. Nothing is changed.

A retry validates what it takes, as a migration does, and sends what is valid. What it finds before the first request is
found here too, so a person knows before anything is sent.
"""

import hashlib
from collections import Counter

from msgspec import Struct

from masivo_stream.core.dead_letters import UNMENDED_STAY
from masivo_stream.core.fault_groups import group_key
from masivo_stream.core.mending.letter import SHOWN_HERE, Checker, Key, Letter, LetterFault, NoMemory
from masivo_stream.core.mending.ways import BY_HAND, ways_of
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.strict import make_rules
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.mending.corrections import count_given_up, read_corrections
from masivo_stream.flow.mending.known_now import KnownNow
from masivo_stream.flow.mending.letter_file import Found, LetterFile, Watched
from masivo_stream.model.contract import Kind
from masivo_stream.model.mending import DeadLetterCause, DeadLetterCounts, DeadLetterList
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.settings import ValidationSettings

MOST_CAUSES = 2000
"""Different causes of a kind that are counted at most."""

MOST_LISTED = 200
"""Causes that are listed at most."""

_ID_LENGTH = 6


def make_checker(kind: Kind, validation: ValidationSettings) -> Checker:
    """Return what checks single records of a kind, by these settings."""
    return Checker(Decoder(make_rules(kind, validation, thorough=True, pure_python=True), NoMemory()))


def cause_id(kind: str, key: Key) -> str:
    """Return the short name of a cause: the same in every process."""
    return hashlib.blake2b("\0".join((kind, *key)).encode(), digest_size=8).hexdigest()[:_ID_LENGTH]


def faults_now(found: Found, checker: Checker) -> tuple[LetterFault, ...]:
    """Return what is wrong with a dead letter now: what its line says, or what its corrected record shows."""
    if not found.corrected:
        return found.letter.listed
    return checker.faults_after(found.letter.body, found.letter.faults_now or ())


class _Counted(Struct):
    file: str
    line: int
    offset: int
    dead_letters: int = 0
    sent: int = 0


class KindSurvey:
    """The dead letters of one kind, counted; give it each of them."""

    def __init__(self, kind: Kind, checker: Checker, known_now: KnownNow | None = None) -> None:
        """Count for a retry; `known_now` knows what has changed for uncorrected dead letters of a run."""
        self._kind, self._checker, self._known_now = kind, checker, known_now
        self._counts: Counter[str] = Counter()
        self._causes: dict[Key, _Counted] = {}

    def count_all(self, letters: LetterFile) -> None:
        """Count all dead letters of a file."""
        for found in letters:
            self.count(found)

    def count(self, found: Found) -> tuple[LetterFault, ...]:
        """Count one; return what is wrong with it now."""
        faults = faults_now(found, self._checker)
        what = self._becomes(found, faults)
        self._counts[what] += 1
        letter = found.letter
        if self._known_now is not None and self._kind is Kind.CUSTOMERS:
            self._known_now.comes(letter)
        for key in {group_key(fault.reason, fault.field[:640], fault.message[:640]): None for fault in faults}:
            cause = self._causes.get(key)
            if cause is None:
                if len(self._causes) >= MOST_CAUSES:
                    continue
                cause = self._causes[key] = _Counted(letter.file, letter.line, letter.offset)
            cause.dead_letters += 1
            cause.sent += what in {"corrected", "unchanged_sent"}
        return faults

    def _becomes(self, found: Found, faults: tuple[LetterFault, ...]) -> str:
        """Return what a retry makes of a dead letter, as `DeadLetterCounts` names it."""
        if found.corrected:
            return "corrected_faulty" if any(fault.reason in SHOWN_HERE for fault in faults) else "corrected"
        letter = found.letter
        if letter.reason in UNMENDED_STAY and not self._may_be_right(letter):
            return "unchanged_left"
        if letter.reason in SHOWN_HERE or self._checker.faults(letter.body):
            return "unchanged_faulty"
        return "unchanged_sent"

    def _may_be_right(self, letter: Letter) -> bool:
        return self._known_now is not None and self._known_now.may_be_right(letter, letter.reason)

    def counts(self, *, given_up: int) -> DeadLetterCounts:
        """Return the figures."""
        return DeadLetterCounts(waiting=self._counts.total(), given_up=given_up, **self._counts)

    def causes(self) -> list[DeadLetterCause]:
        """Return the causes, the largest first."""
        schema = make_rules(self._kind, ValidationSettings(), thorough=True, pure_python=True).schema
        found = [
            DeadLetterCause(
                id=cause_id(self._kind, key),
                kind=self._kind,
                reason=key[0],
                field=key[1],
                cause=key[2],
                dead_letters=cause.dead_letters,
                sent=cause.sent,
                file=cause.file,
                line=cause.line,
                offset=cause.offset,
                remedy=_remedy(key[0]),
                ways=ways_of(key, schema),
                by_hand=key[0] in BY_HAND,
            )
            for key, cause in self._causes.items()
        ]
        return sorted(found, key=lambda cause: -cause.dead_letters)


def _remedy(reason: str) -> str:
    try:
        return REMEDIES[Reason(reason)]
    except ValueError:  # a later version wrote it
        return ""


def survey(
    state: StateDir,
    journal: JournalReader | None,
    validation: ValidationSettings,
    watched: Watched,
    *,
    unchanged: bool = False,
) -> DeadLetterList:
    """Return all dead letters of a state directory by cause, and what a retry would do with them.

    Raises:
        InputError: a line of a dead-letter file is not a dead letter.
        StorageError: a file cannot be read.
    """
    corrections = read_corrections(state)
    given_up = count_given_up(corrections)
    known_now = None if journal is None else KnownNow(journal, unchanged=unchanged)
    kinds: dict[str, DeadLetterCounts] = {}
    causes: list[DeadLetterCause] = []
    meter = watched.meter("reading the dead letters", state, Kind)
    for kind in Kind:
        found = KindSurvey(kind, make_checker(kind, validation), known_now)
        found.count_all(LetterFile(state, kind, journal, meter))
        counts = found.counts(given_up=given_up.get(kind, 0))
        if counts.waiting or counts.given_up:
            kinds[kind.value] = counts
        causes += found.causes()
    causes.sort(key=lambda cause: -cause.dead_letters)
    return DeadLetterList(
        kinds=kinds,
        causes=tuple(causes[:MOST_LISTED]),
        causes_left_out=max(0, len(causes) - MOST_LISTED),
        corrections=tuple(corrections),
    )
