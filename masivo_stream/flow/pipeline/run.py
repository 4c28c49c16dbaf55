"""One run over a state directory: the kinds in their order, a wait between them, an ordered end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

from masivo_stream.core.accounting.sampling import Sampling
from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.core.sending.backoff import Health, RetryPolicy
from masivo_stream.core.sending.refusal_limits import Refusals
from masivo_stream.edges.files.dead_letter_file import DeadLetterFile
from masivo_stream.edges.files.in_doubt_file import InDoubtFile
from masivo_stream.edges.files.skipped_file import SkippedFile
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.workers.pool import cores
from masivo_stream.flow.client import Client
from masivo_stream.flow.customers.deleted import confirm_deleted
from masivo_stream.flow.customers.missing import MissingCustomers
from masivo_stream.flow.customers.unknown import UnknownCustomers
from masivo_stream.flow.limiters import RateLimiters
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.outcome import agrees, conclude, stand
from masivo_stream.flow.pipeline.deliver import Delivery
from masivo_stream.flow.pipeline.extent import Extent
from masivo_stream.flow.pipeline.isolate_refused import RefusedIsolator, Suspected
from masivo_stream.flow.pipeline.kind import KindPipeline
from masivo_stream.flow.pipeline.ports import JournalPort as Books
from masivo_stream.flow.pipeline.read import Source, is_much, make_decoder
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.refused import RefusedEntries
from masivo_stream.flow.pipeline.resume import begin_at, reread, spoken_for
from masivo_stream.flow.pipeline.unanswered import CustomerFinder
from masivo_stream.flow.pipeline.wait_visible import AcceptedLast, wait_until_visible
from masivo_stream.flow.readback.paced_reader import PacedReader
from masivo_stream.flow.reporting.run_report import name_account
from masivo_stream.flow.signals import work_under
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.batch import make_batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import MasivoStreamError, StorageError
from masivo_stream.model.notices import Ahead, RunStarted
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import Resume, Suspects
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Visibility
from masivo_stream.model.summary import KindSummary, Summary


class Run:
    """One migration under way."""

    def __init__(
        self,
        settings: Settings,
        sources: Mapping[Kind, list[Source]],
        state: StateDir,
        journal: Journal,
        sender: Client,
        limiters: RateLimiters,
        observer: Observer,
        clock: Clock,
        chance: Callable[[], float],
        *,
        noting: Callable[[Books], Books] = lambda journal: journal,
    ) -> None:
        """Work on what is opened; `noting` returns a journal that accounts are kept in."""
        self._noting = noting
        self._settings, self._sources, self._state, self._journal = settings, sources, state, journal
        self._sender, self._observer, self._clock, self._chance = sender, observer, clock, chance
        self._stop = StopControl(clock, drain_time=settings.upload.drain_time)
        self._limiters = limiters
        self._reader = PacedReader(sender, limiters.general)
        self._health = Health()
        learned = journal.read.max_body_bytes()
        self._max_body_bytes = settings.upload.max_body_bytes if learned is None else learned
        self._accounts: dict[Kind, Recorder] = {}
        """All that stays of a kind when it is done: not the ids its decoder remembers."""

    async def go(self, *, handle_signals: bool) -> None:
        """Work until done or stopped. What was in flight has landed, or its drain time is over."""
        await work_under(self._stop, self._migrate_all, observer=self._observer, handle_signals=handle_signals)

    async def _migrate_all(self) -> None:
        kinds = list(self._sources)
        self._observer.notify(RunStarted(kinds=tuple(self._ahead()), **name_account(self._journal.read)))
        for kind, following in zip(kinds, [*kinds[1:], None], strict=True):
            resume = self._journal.resume(kind)
            with ExitStack() as files:
                phase = await self._open_phase(kind, resume, files)
                self._accounts[kind] = phase.account
                await phase.run()
            self._max_body_bytes = phase.target_bytes
            if phase.input_error is not None:
                raise phase.input_error
            if following is not None and (phase.account.last_accepted or not resume.visible):
                await self._wait_until_visible(kind, phase)

    def _ahead(self) -> Iterator[Ahead]:
        stood = stand(self._journal.read)
        for kind, sources in self._sources.items():
            known, extent = self._journal.read.consumed(kind), Extent(sources)
            yield Ahead(
                kind=kind,
                files=len(sources),
                size=extent.size,
                bytes_read=sum(
                    known[source.number][0] - source.begin.offset for source in sources if source.number in known
                ),
                figures=stood.get(kind.value, KindSummary()),
            )

    async def _wait_until_visible(self, kind: Kind, phase: KindPipeline) -> None:
        accepted, accepted_at = phase.account.last_accepted, phase.account.accepted_at
        confirmed = False
        probes = self._settings.visible.visible_probes
        if not accepted and probes and (last := self._journal.read.last_accepted(kind)) is not None:
            references, accepted_at = last
            accepted = await reread(self._sources[kind], kind, references, self._settings.source.block_bytes)
        if accepted or not probes:
            confirmed = await wait_until_visible(
                kind,
                AcceptedLast(entries=accepted, at=accepted_at, unsure=phase.account.unsure_accepted),
                reader=self._reader,
                clock=self._clock,
                settings=self._settings.visible,
                observer=self._observer,
            )
        await self._journal.mark_visible(kind, Visibility.SEEN if confirmed else Visibility.AWAITED)

    def _packer(self, kind: Kind) -> Packer:
        """Return a packer that makes use of what a 413 taught an earlier kind."""
        upload = self._settings.upload
        packer = Packer(CONTRACTS[kind], max_body_bytes=upload.max_body_bytes, look_ahead=upload.look_ahead)
        packer.shrink(self._max_body_bytes)
        return packer

    async def _entries_of(self, kind: Kind, batch: str) -> list[Entry]:
        references = self._journal.read.references(batch)
        return await reread(self._sources[kind], kind, references, self._settings.source.block_bytes)

    async def _suspected(self, kind: Kind, found: Suspects) -> Suspected:
        entries = await reread(self._sources[kind], kind, found.references, self._settings.source.block_bytes)
        return Suspected(of=found.batch, status=found.status, batch=make_batch(kind, entries))

    async def _missing(self, kind: Kind) -> MissingCustomers:
        """Return who has not arrived before a kind begins."""
        journal = self._journal
        if kind is Kind.CUSTOMERS:
            return MissingCustomers()
        await confirm_deleted(journal, self._settings, self._state.path)
        return MissingCustomers(
            journal.read.missing_customers(kind), journal.read.salt(), gone=journal.read.gone_customers()
        )

    async def _open_phase(self, kind: Kind, resume: Resume, files: ExitStack) -> KindPipeline:
        tally = Tally(CONTRACTS[kind], resume.figures)
        dead_letters = DeadLetterFile(
            self._state, kind, self._clock.wall, length=resume.letters_bytes, crc=resume.letters_crc
        )
        files.callback(dead_letters.close)
        doubts = InDoubtFile(self._state, kind, batches=[doubt.batch for doubt in self._journal.read.in_doubt(kind)])
        delivery = Delivery(
            kind,
            sender=self._sender,
            limiter=self._limiters.kinds[kind],
            policy=make_policy(self._settings),
            stop=self._stop,
            clock=self._clock,
            chance=self._chance,
            health=self._health,
            tally=tally,
            observer=self._observer,
            in_flight=self._settings.upload.uploaders,
        )
        for doubt in self._journal.read.in_doubt(kind):
            if doubt.batch not in doubts.listed:  # the process before died between the note and the list
                doubts.add(doubt.batch, await self._entries_of(kind, doubt.batch))
        skips = SkippedFile(self._state, kind, length=resume.skipped_bytes, crc=resume.skipped_crc)
        files.callback(skips.close)
        missing = await self._missing(kind)
        packer = self._packer(kind)
        account = Recorder(
            kind,
            resume=resume,
            missing=missing,
            salt=self._journal.read.salt(),
            journal=self._noting(self._journal),
            packer=packer,
            tally=tally,
            dead_letters=dead_letters,
            doubts=doubts,
            clock=self._clock,
            remember_accepted=self._settings.visible.visible_probes,
            sample=Sampling(self._settings.verify.sample, self._chance),
            skips=skips,
            left_out=LineSorter(self._settings.validation.duplicate_purchase),
            remember_ids=self._settings.validation.remember_ids,
            awaited=kind is Kind.CUSTOMERS and bool(self._journal.read.missing_customers()),
        )
        for batch in resume.doubtful:
            await account.doubt(batch, await self._entries_of(kind, batch))
        unknown = UnknownCustomers(self._reader) if kind is Kind.EVENTS else None
        finder = CustomerFinder(self._reader, self._clock, self._settings.visible, self._observer)
        burial = RefusedEntries(account, finder, unknown)
        accepted_before = resume.figures.items.get(RecordOutcome.ACCEPTED.name, 0) > 0
        upload = self._settings.upload
        # Tasks that deliver: as many at once as the setting says are on the wire. Where no limit paces, as many again
        # note meanwhile what became of their batches.
        uploaders = upload.uploaders if self._limiters.limited else 2 * upload.uploaders
        refusals = Refusals(upload.isolation_budget, uploaders=uploaders, accepted_before=accepted_before)
        return KindPipeline(
            begin_at(self._sources[kind], resume),
            account=account,
            # Where requests are paced, or there is little to read, there is time to look at every line.
            decoder=make_decoder(
                kind,
                self._settings,
                thorough=self._limiters.limited or not is_much(self._sources[kind]),
                settled=spoken_for(self._sources[kind], resume),
            ),
            packer=packer,
            delivery=delivery,
            burial=burial,
            isolator=RefusedIsolator(
                delivery=delivery, account=account, burial=burial, refusals=refusals, observer=self._observer
            ),
            refusals=refusals,
            suspected=[await self._suspected(kind, found) for found in resume.suspects],
            stop=self._stop,
            clock=self._clock,
            observer=self._observer,
            uploaders=uploaders,
            hand_off=self._settings.upload.hand_off,
            block_bytes=self._settings.source.block_bytes,
            max_line_bytes=self._settings.validation.max_line_bytes,
            workers=upload.workers or (1 if self._limiters.limited else cores()),
            extent=Extent(self._sources[kind]),
        )

    @property
    def cause(self) -> MasivoStreamError | None:
        """What stopped the run; None where nothing did."""
        return self._stop.cause

    def samples(self) -> dict[Kind, list[Entry]]:
        """Return some of what was accepted, by kind; nothing where the run was stopped."""
        if self._stop.cause is not None:
            return {}
        return {kind: account.sample.drawn for kind, account in self._accounts.items() if account.sample.drawn}

    def summary(self, failure: MasivoStreamError | None = None) -> Summary:
        """Tell what became of every record read; `failure` is what went wrong after the work."""
        own: dict[str, KindSummary] = {kind.value: account.figures() for kind, account in self._accounts.items()}
        known = stand(self._journal.read) | own  # kinds that this process has not come to stand as they were left
        kinds: dict[str, KindSummary] = {kind.value: known[kind.value] for kind in Kind if kind.value in known}
        closes = all(figures.closes for figures in kinds.values())
        if not isinstance(self._stop.cause, StorageError):  # a journal that could not be written is behind
            closes = closes and all(agrees(self._journal.read, Kind(kind), figures) for kind, figures in kinds.items())
        return conclude(kinds, self._stop.cause or failure, closes=closes)


def make_policy(settings: Settings) -> RetryPolicy:
    """Return when to repeat, as the settings say."""
    return RetryPolicy(
        first_delay=settings.retry.first_delay,
        longest_delay=settings.retry.longest_delay,
        outage_limit=settings.retry.outage_limit,
        longest_hold=settings.limits.longest_hold,
    )
