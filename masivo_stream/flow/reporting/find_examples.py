"""An example for each reason of dead letters: from the head of the dead-letter file, else from the journal.

The head of the file has the byte offset and the field too. The rest is not read: it may have millions of lines.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import TypeVar

import msgspec
from msgspec import Struct

from masivo_stream.core.redact import public_field
from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.skipped_file import skipped_name
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal, JournalReader
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.examples import (
    BEFORE_IN_A_RUN,
    BEFORE_IN_EXPORTS,
    Example,
    SkipExample,
    SkippedPlace,
    skip_examples,
)
from masivo_stream.model.plan import DeadReason
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.summary import KindSummary

HEAD_BYTES = 4 << 20
"""How much of a dead-letter file is read: some thousand dead letters."""


class _DeadLetterFields(Struct, frozen=True):
    """The fields that are read of a dead letter."""

    file: str
    line: int
    offset: int
    reason: str
    field: str = ""


_T = TypeVar("_T", _DeadLetterFields, SkippedPlace)


def find_examples(journal: Journal, state: StateDir, kinds: dict[str, KindSummary]) -> tuple[Example, ...]:
    """Return an example for every reason of every kind, the most frequent reason of a kind first."""
    return tuple(chain.from_iterable(_of_kind(journal, state, Kind(kind), each) for kind, each in kinds.items()))


def dry_run_examples(kind: str, found: Iterable[DeadReason]) -> Iterator[Example]:
    """Yield what a dry run found first for each reason, as examples."""
    for dead in found:
        yield Example(
            kind=kind,
            reason=dead.reason,
            letters=dead.records,
            file=dead.file,
            line=dead.line,
            offset=dead.offset,
            field=public_field(dead.field),
            remedy=dead.remedy,
        )


def find_skip_examples(journal: Journal, state: StateDir, kinds: dict[str, KindSummary]) -> tuple[SkipExample, ...]:
    """Return the first place for each reason to skip a record, if the head of a list holds one."""
    found = (
        skip_examples(
            kind,
            each.skip_reasons,
            _first(
                state, skipped_name(Kind(kind)), _skipped_bytes(journal, Kind(kind)), SkippedPlace, each.skip_reasons
            ),
        )
        for kind, each in kinds.items()
        if each.items_skipped
    )
    return tuple(chain.from_iterable(found))


def warn_of_repeats(journal: JournalReader) -> Iterator[str]:
    """Yield warnings if events were sent although their purchase came before, here or in an earlier run."""
    figures = journal.figures(Kind.EVENTS)
    if figures is not None and figures.alike:
        yield (
            f"{describe_places(figures.alike, figures.alike_at)}: they were sent, and each counts; if they are"
            " one purchase, revert this run and migrate with --duplicate-purchase reject"
        )
    if figures is not None and figures.sent_before:
        yield (
            f"{describe_sent_before(figures.sent_before, figures.sent_before_at)}: they were sent, and each counts; the"
            " next time, see them in a plan with the account's key, and hold them back with --duplicate-purchase reject"
        )


def describe_places(events: int, places: Iterable[tuple[str, int]]) -> str:
    """Return how many events have a purchase that came before, and the places of the first of them."""
    first = " and ".join(f"{file}:{line}" for file, line in places)
    noun, whose = ("event", "its") if events == 1 else ("events", "their")
    return f"{events:,} {noun} {BEFORE_IN_EXPORTS} {whose} customer has, the first at {first}"


def describe_sent_before(events: int, places: Iterable[tuple[str, int]]) -> str:
    """Return how many events have a purchase that an earlier run sent, and the places of the first of them."""
    first = " and ".join(f"{file}:{line}" for file, line in places)
    noun = "event" if events == 1 else "events"
    return f"{events:,} {noun} {BEFORE_IN_A_RUN} to this account, the first at {first}"


def _of_kind(journal: Journal, state: StateDir, kind: Kind, figures: KindSummary) -> Iterator[Example]:
    if not figures.reasons:
        return
    names = {source.number: source.name for source in journal.read.sources(kind)}
    firsts = _first(
        state, dead_letter_name(kind), journal.read.dead_letter_file(kind)[0], _DeadLetterFields, figures.reasons
    )
    for reason, count in figures.reasons.items():
        dead_letter = firsts.get(reason)
        if dead_letter is None and (place := journal.history.dead_place(kind, reason)) is not None:
            dead_letter = _DeadLetterFields(names.get(place[0], ""), place[1], -1, reason)
        yield Example(
            kind=kind,
            reason=reason,
            letters=count,
            file=dead_letter.file if dead_letter else "",
            line=dead_letter.line if dead_letter else 0,
            offset=dead_letter.offset if dead_letter and dead_letter.offset >= 0 else None,
            field=public_field(dead_letter.field) if dead_letter else "",
            remedy=REMEDIES[Reason(reason)],
        )


def _skipped_bytes(journal: Journal, kind: Kind) -> int:
    return journal.read.skipped_file(kind)[0]


def _first(state: StateDir, name: str, counted: int, of: type[_T], reasons: Collection[str]) -> dict[str, _T]:
    """Return the first line of a list for each of `reasons`, if the head of the file holds one."""
    found: dict[str, _T] = {}
    try:
        for line in state.lines(name, min(counted, HEAD_BYTES)):
            try:
                read = msgspec.json.decode(line, type=of)
            except (ValueError, RecursionError):  # cut where the head ends, or being edited by a person
                continue
            if read.reason in reasons:
                found.setdefault(read.reason, read)
                if len(found) == len(reasons):
                    break
    except StorageError:
        pass
    return found
