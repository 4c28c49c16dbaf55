"""Validate and plan: the same judgement and the same packing as a migration's, nothing sent."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, aclosing
from typing import Protocol

from msgspec import Struct

from masivo_stream.core.pack import Packer
from masivo_stream.core.tally import Fate, Tally
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.source import Input, find_inputs
from masivo_stream.edges.workers.crew import cores
from masivo_stream.flow.conclude import conclude
from masivo_stream.flow.judge import Source, judge_sources, make_decoder
from masivo_stream.flow.opening import check_inputs
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Entry, Judgement, Rejected, reject_entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import KindSummary, Summary


class Letters(Protocol):
    """Where a dry run's dead letters go."""

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write them down."""
        ...


OpenLetters = Callable[[Kind, ExitStack], Letters]
"""Open the place where one kind's dead letters go; what is to be closed afterwards goes onto the stack."""


class DryRun(Struct, frozen=True, kw_only=True):
    """What a dry run found: the summary (nothing accepted, what would be sent is pending), and the requests needed."""

    summary: Summary
    requests: dict[str, int]


def discard_letters(_kind: Kind, _files: ExitStack) -> Letters:
    """Count dead letters, and keep none."""
    return _Nowhere()


async def validate(
    settings: Settings,
    *,
    customers: Iterable[str] = (),
    events: Iterable[str] = (),
    transactions: Iterable[str] = (),
    dead_letters: OpenLetters = discard_letters,
    clock: Clock | None = None,
) -> Summary:
    """Judge every line, send nothing. Records that would be sent stand under `pending`.

    Raises:
        ConfigurationError: no export is named.
        InputError: an export does not exist. One that turns out unreadable on the way is told in the summary.
    """
    dry = await dry_run(
        settings,
        {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions},
        dead_letters=dead_letters,
        clock=clock or SystemClock(),
    )
    return dry.summary


async def dry_run(
    settings: Settings, patterns: dict[Kind, Iterable[str]], *, dead_letters: OpenLetters, clock: Clock
) -> DryRun:
    """Judge and pack everything; see `validate` and `flow.plan`."""
    inputs = {kind: found for kind, names in patterns.items() if (found := find_inputs(names))}
    check_inputs(inputs)
    kinds: dict[str, KindSummary] = {}
    requests: dict[str, int] = {}
    failure: InputError | None = None
    for kind, found in inputs.items():
        dry = _DryPhase(kind, settings, clock)
        with ExitStack() as files:
            failure = await dry.run(found, dead_letters(kind, files)) or failure
        kinds[kind] = dry.figures()
        requests[kind] = dry.requests
    closes = all(figures.closes for figures in kinds.values())
    return DryRun(summary=conclude(kinds, failure, closes=closes), requests=requests)


class _DryPhase:
    """One kind, judged and packed."""

    def __init__(self, kind: Kind, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._decoder = make_decoder(kind, settings)
        self._packer = Packer(
            CONTRACTS[kind],
            max_body_bytes=settings.upload.max_body_bytes,
            open_batches=settings.upload.open_batches,
        )
        self._tally = Tally(CONTRACTS[kind])
        self._began = clock.now()
        self.requests = 0
        self._records = self._items = 0

    async def run(self, inputs: list[Input], letters: Letters) -> InputError | None:
        """Go through the inputs; returns what ended them early."""
        failure = None
        blocks = judge_sources(
            [Source(source) for source in inputs],
            self._decoder,
            block_bytes=self._settings.source.block_bytes,
            max_line_bytes=self._settings.validation.max_line_bytes,
            workers=self._settings.upload.workers or cores(),
        )
        try:
            async with aclosing(blocks) as judged_blocks:
                async for judged in judged_blocks:
                    self._judge(judged.judgements, letters)
        except InputError as error:
            failure = error
        self.requests += len(self._packer.flush())
        return failure

    def _judge(self, judgements: Sequence[Judgement], letters: Letters) -> None:
        """Count a block's judgements, after what is rejected is written down."""
        rejected = [found for found in judgements if isinstance(found, Rejected)]
        if rejected:
            letters.append(rejected)
        for judgement in judgements:
            self._tally.judged(judgement)
        large = self._pack([found for found in judgements if isinstance(found, Entry)])
        if large:
            letters.append(large)

    def _pack(self, entries: list[Entry]) -> list[Rejected]:
        self._records += len(entries)
        self._items += sum(entry.items for entry in entries)
        packed = self._packer.feed(entries)
        self.requests += len(packed.batches)
        rejected = []
        for large in packed.oversized:
            message = f"does not fit a request of {large.max_body_bytes} bytes"
            letter = reject_entry(large.entry, Reason.TOO_LARGE, message, items=large.items)
            self._tally.settled([large.entry], Fate.DEAD, letter.reason)
            self._records -= 1
            self._items -= large.entry.items
            rejected.append(letter)
        return rejected

    def figures(self) -> KindSummary:
        """Return the figures; what would be sent is pending."""
        return self._tally.summary_with_pending(
            records=self._records, items=self._items, seconds=self._clock.now() - self._began
        )


class _Nowhere:
    def append(self, letters: Iterable[Rejected]) -> None:
        pass
