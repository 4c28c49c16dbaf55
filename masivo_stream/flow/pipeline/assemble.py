"""Assemble one kind: the only place that builds its objects and joins them.

`assemble` joins what a migration of one kind needs, around ports and options; tests bring their own ports. `open_kind`
opens the ports of a session first: it reads the journal, opens the kind's files, and takes up what an earlier process
left. `open_recorder` is the part of it that `resolve` needs, which reads no export and sends no new batch.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import partial

from msgspec import Struct

from masivo_stream.core.accounting.ledger import Ledger
from masivo_stream.core.accounting.missing import MissingCustomers
from masivo_stream.core.accounting.sampling import ReadBackCandidates, Sampling
from masivo_stream.core.accounting.tally import RecordOutcome
from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.reading.hold_back import FindHeld
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.core.sending.refusal_limits import Refusals
from masivo_stream.core.sent_purchases import CopiedRecords
from masivo_stream.edges.files.dead_letter_file import DeadLetterFile
from masivo_stream.edges.files.in_doubt_file import InDoubtFile
from masivo_stream.edges.files.skipped_file import SkippedFile
from masivo_stream.flow.customers import UnknownCustomers
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.budget_watch import BudgetWatch
from masivo_stream.flow.pipeline.deleted import confirm_deleted
from masivo_stream.flow.pipeline.deliver import Backoff, Delivery
from masivo_stream.flow.pipeline.isolate_batch import BatchToIsolate, RefusedIsolator
from masivo_stream.flow.pipeline.kind import KindOptions, KindPipeline, KindSources
from masivo_stream.flow.pipeline.read_exports import fit_memory, is_much, make_decoder, share_work
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.refused import CustomerFinder, RefusedEntries
from masivo_stream.flow.pipeline.resume import BatchReader, begin_at, settled_records
from masivo_stream.flow.protocols import Finder, KindFiles, Sender
from masivo_stream.flow.rate_limit import RateLimiter
from masivo_stream.flow.readback.compare import is_comparable
from masivo_stream.flow.session import Session
from masivo_stream.flow.sources import Extent, Source
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.batch import make_batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import Resume, Suspects
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings


class KindWatch(Struct, frozen=True):
    """What looks at the lines of a kind before they are sent."""

    budget: BudgetWatch | None = None
    """Watches the dead letters."""
    held: FindHeld | None = None
    """Returns what findings hold back."""


class SendingPorts(Struct, frozen=True, kw_only=True):
    """What one kind sends by. `stop`, `backoff` and `observer` are the run's."""

    sender: Sender
    limiter: RateLimiter
    finder: Finder
    unknown: UnknownCustomers | None = None
    stop: StopControl
    backoff: Backoff
    observer: Observer


def assemble(
    recorder: Recorder,
    ports: SendingPorts,
    sources: KindSources,
    options: KindOptions,
    *,
    accepted_before: bool = False,
) -> KindPipeline:
    """Join the pipeline of one kind. `accepted_before`: an earlier process had something of it accepted."""
    delivery = Delivery(
        ports.sender,
        ports.limiter,
        recorder,
        backoff=ports.backoff,
        stop=ports.stop,
        observer=ports.observer,
        in_flight=options.in_flight,
    )
    isolator = RefusedIsolator(
        recorder,
        delivery,
        entries=RefusedEntries(recorder, ports.finder, ports.unknown),
        refusals=Refusals(options.isolation_budget, uploaders=options.uploaders, accepted_before=accepted_before),
        observer=ports.observer,
    )
    return KindPipeline(recorder, isolator, sources, options, stop=ports.stop, observer=ports.observer)


def make_ledger(
    kind: Kind,
    resume: Resume,
    missing: MissingCustomers,
    settings: Settings,
    *,
    max_body_bytes: int | None = None,
    chance: Callable[[], float] = lambda: 0.0,
    held: FindHeld | None = None,
) -> Ledger:
    """Return the ledger of a kind.

    `max_body_bytes` is what a 413 has taught, `chance` draws the sample, `held` returns what findings hold back.
    """
    upload = settings.upload
    packer = Packer(CONTRACTS[kind], max_body_bytes=upload.max_body_bytes, look_ahead=upload.look_ahead)
    if max_body_bytes is not None:
        packer.shrink(max_body_bytes)
    return Ledger(
        kind,
        resume,
        packer,
        missing,
        sorter=LineSorter(settings.validation.duplicate_purchase, held),
        candidates=ReadBackCandidates(
            settings.visible.visible_probes, Sampling(settings.verify.sample, chance), partial(is_comparable, kind)
        ),
        remember_ids=settings.validation.remember_ids,
    )


def make_options(settings: Settings, *, limited: bool) -> KindOptions:
    """Return the options of a kind; `limited`: rate limits pace its requests.

    Without a limit, twice as many tasks deliver as batches may be on the wire: the others note outcomes meanwhile.
    """
    upload = settings.upload
    return KindOptions(
        uploaders=upload.uploaders if limited else 2 * upload.uploaders,
        in_flight=upload.uploaders,
        hand_off=upload.hand_off,
        isolation_budget=upload.isolation_budget,
        block_bytes=settings.source.block_bytes,
        max_line_bytes=settings.validation.max_line_bytes,
        helpers=share_work(settings, limited=limited),
        paced=limited,
    )


class KindUploading:
    """The uploaders of a kind at work, which the settings may change."""

    def __init__(self, pipeline: KindPipeline, session: Session) -> None:
        """Change those of `pipeline`."""
        self._pipeline, self._session = pipeline, session

    def change_uploaders(self, settings: Settings) -> None:
        """Deliver with as many as the settings say from now on."""
        self._pipeline.change_uploaders(make_options(settings, limited=self._session.limiters.limited))


@asynccontextmanager
async def open_kind(
    session: Session,
    kind: Kind,
    sources: Sequence[Source],
    resume: Resume,
    *,
    stop: StopControl,
    backoff: Backoff,
    watch: KindWatch,
) -> AsyncIterator[KindPipeline]:
    """Open the files of a kind, take up what an earlier process left, and yield its pipeline.

    `stop` and `backoff` are the run's, `watch` says what is held back.

    Raises:
        InputError: an export cannot be read again.
        StorageError: a file or the journal cannot be written.
    """
    settings, limited = session.settings, session.limiters.limited
    batches = BatchReader(session.journal.read, kind, sources, settings.source.block_bytes)
    with ExitStack() as files:
        missing = await _find_missing(session, kind)
        recorder = await open_recorder(session, kind, resume, missing, batches.read, files, watch=watch)
        ports = SendingPorts(
            sender=session.client,
            limiter=session.limiters.kinds[kind],
            finder=CustomerFinder(session.reader, session.clock, settings.visible, session.observer),
            unknown=UnknownCustomers(session.reader) if kind is Kind.EVENTS else None,
            stop=stop,
            backoff=backoff,
            observer=session.observer,
        )
        extent = Extent(sources)
        settled = settled_records(sources, resume)
        left = begin_at(sources, resume)
        records = CopiedRecords(frozenset(source.number for source in left if source.is_copy), settled)
        to_read = KindSources(
            to_read=left,
            extent=extent,
            # With a rate limit, or little to read, there is time to look at every line.
            decoder=make_decoder(
                kind,
                fit_memory(settings, kind, extent.size),
                thorough=limited or not is_much(sources),
                settled=settled,
                recent_signs=session.guard_purchases().recent_signs if kind is Kind.EVENTS else None,
                sent=await session.guard_purchases().open_for(records) if kind is Kind.EVENTS else None,
                # Copies of dead letters are not checked as a whole, and two of them may be of one customer.
                checked=watch.held is not None and not any(source.is_copy for source in sources),
            ),
            refused=[await _read_refused(kind, batches, found) for found in resume.suspects],
        )
        accepted_before = resume.figures.items.get(RecordOutcome.ACCEPTED.name, 0) > 0
        options = make_options(settings, limited=limited)
        yield assemble(recorder, ports, to_read, options, accepted_before=accepted_before)


async def open_recorder(
    session: Session,
    kind: Kind,
    resume: Resume,
    missing: MissingCustomers,
    read_batch: Callable[[str], Awaitable[list[Entry]]],
    files: ExitStack,
    *,
    watch: KindWatch | None = None,
) -> Recorder:
    """Open the files of a kind, which `files` closes, and take up the batches that an earlier process left in doubt.

    `read_batch` returns the entries of a batch by its id.
    """
    watch = watch or KindWatch()
    state, journal = session.state, session.journal.read
    dead_letters = DeadLetterFile(
        state, kind, session.clock.wall, length=resume.dead_letters_bytes, crc=resume.dead_letters_crc
    )
    files.callback(dead_letters.close)
    known = [doubt.batch for doubt in journal.in_doubt(kind)]
    in_doubt = InDoubtFile(state, kind, batches=known)
    for batch in known:
        if batch not in in_doubt.listed:  # the process before ended between the note and the list
            in_doubt.add(batch, await read_batch(batch))
    skipped = SkippedFile(state, kind, length=resume.skipped_bytes, crc=resume.skipped_crc)
    files.callback(skipped.close)
    ledger = make_ledger(
        kind,
        resume,
        missing,
        session.settings,
        max_body_bytes=journal.max_body_bytes(),
        chance=session.runtime.chance,
        held=watch.held,
    )
    ledger.unanswered.resume(resume, last_attempts(resume, session.clock))
    recorder = Recorder(
        ledger,
        session.sending_journal,
        KindFiles(dead_letters, in_doubt, skipped),
        session.clock,
        budget=watch.budget,
        purchases=session.guard_purchases() if kind is Kind.EVENTS else None,
    )
    for batch in resume.doubtful:
        await recorder.doubt(batch, await read_batch(batch))
    return recorder


def last_attempts(resume: Resume, clock: Clock) -> dict[str, float]:
    """Return when the last attempts with unanswered batches of an earlier process ended, by batch and the run's clock.

    If the machine's clock was set back since, an attempt counts as ended now, and not in the future.
    """
    now, wall = clock.now(), clock.wall()
    ended = {batch: datetime.fromisoformat(resume.unanswered_at[batch]) for batch in resume.unanswered}
    return {batch: now - max(0.0, (wall - moment).total_seconds()) for batch, moment in ended.items()}


async def _find_missing(session: Session, kind: Kind) -> MissingCustomers:
    """Return the customers that have not arrived before a kind begins."""
    journal = session.journal.read
    if kind is Kind.CUSTOMERS:
        return MissingCustomers(salt=journal.salt(), awaited=bool(journal.missing_customers()))
    await confirm_deleted(session.journal, session.settings, session.state.path)
    return MissingCustomers(journal.missing_customers(kind), journal.salt(), gone=journal.gone_customers())


async def _read_refused(kind: Kind, batches: BatchReader, found: Suspects) -> BatchToIsolate:
    """Read entries that an earlier process was isolating."""
    entries = await batches.reread(found.references)
    return BatchToIsolate(of=found.batch, status=found.status, batch=make_batch(kind, entries))
