"""Read the sources and validate their lines: the first half of the pipeline, shared by validate, plan and migrate."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Protocol

import anyio.lowlevel
from msgspec import Struct, structs

from masivo_stream.core.dead_letters import validate_dead_letters
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import KnownCustomers, KnownIds
from masivo_stream.core.reading.lines import portions
from masivo_stream.core.reading.prover import is_built
from masivo_stream.core.reading.purchases import EventMemory, Purchases
from masivo_stream.core.reading.recent_signs import RecentSigns
from masivo_stream.core.reading.remote import AnswerReader, ask
from masivo_stream.core.reading.strict import make_rules
from masivo_stream.edges.export.source import is_file
from masivo_stream.edges.workers.pool import WorkerAnswer, WorkerPool, cores, open_workers
from masivo_stream.flow.pipeline.begin_ahead import begin_ahead
from masivo_stream.flow.pipeline.cut_source import Beside, LineBlock, cut_source, prove_beside
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import LineResults, ValidatedBlock
from masivo_stream.model.progress import Covered
from masivo_stream.model.settings import Settings

_BLOCKS_A_WORKER = 3
"""Blocks per worker: the one it validates, and some to go on with while this process is busy."""

WORTH_WORKERS = 16 * 1024 * 1024
"""Bytes to read from which on workers are started: that takes about as long as the validation of ten million bytes."""

MOST_LINES = 256
"""Lines validated without a pause. If all of them are faulty, with dead letters to write, other tasks wait some 15 ms
for their turn, and a timer for three turns."""

MOST_LINES_TOGETHER = 1024
"""Lines that go to a worker at once: this process only takes the answer, and a question costs each side one turn of the
event loop."""


class Validator(Protocol):
    """Validates blocks of lines."""

    ahead: int
    """The number of blocks that may be begun before the first of them is finished."""
    most_lines: int
    """The number of lines a block may have."""

    def begin(self, cut: LineBlock) -> WorkerAnswer | None:
        """Begin to validate a block."""
        ...

    async def finish(self, cut: LineBlock, answer: WorkerAnswer | None) -> Sequence[LineResults]:
        """Return the results of its lines; `answer` is what `begin` returned."""
        ...


class Helpers(Struct, frozen=True, kw_only=True):
    """Processes and threads that take a part of the work off the loop of this process, if there is much of it."""

    workers: int = 1
    """Processes that validate, this one included."""
    thread: bool = True
    """Whether a thread proves the lines, if this process validates alone. It holds a few blocks more."""
    worth: int = WORTH_WORKERS
    """Bytes to read from which on they help."""


class LineAnswers(Protocol):
    """What other machines found in lines that they have validated, part by part."""

    def validator(self, decoder: Decoder) -> Validator:
        """Return what validates as `decoder` does, by what they found."""
        ...


class MoreMemory(Protocol):
    """Knows purchases that were sent before."""

    def extend(self, memory: EventMemory) -> EventMemory:
        """Return a memory that knows them beside what `memory` knows."""
        ...


class LocalValidator:
    """Validates in this process."""

    ahead = 0
    most_lines = MOST_LINES

    def __init__(self, decoder: Decoder) -> None:
        """Validate by `decoder`."""
        self._decoder = decoder

    def begin(self, _cut: LineBlock) -> None:
        """Do nothing yet."""

    async def finish(self, cut: LineBlock, _answer: WorkerAnswer | None) -> Sequence[LineResults]:
        """Return the results of the lines."""
        source = cut.source
        if source.is_copy:
            return validate_dead_letters(self._decoder, cut.pieces, source.name, source.number)
        found: list[LineResults] = []
        for portion in portions(cut.pieces, MOST_LINES):
            if found:
                await anyio.lowlevel.checkpoint()
            found += self._decoder.validate_all(portion, source.name, source.number)
        return found


class SharedValidator:
    """Validates in workers; this process adds what depends on earlier lines."""

    most_lines = MOST_LINES_TOGETHER

    def __init__(self, decoder: Decoder, workers: WorkerPool, most_asked: int) -> None:
        """Validate as `decoder` does; `workers` get at most `most_asked` blocks at once."""
        self.ahead = most_asked  # this process has one more
        self._decoder, self._workers = decoder, workers
        self._reader, self._alone = AnswerReader(decoder), LocalValidator(decoder)

    def begin(self, cut: LineBlock) -> WorkerAnswer | None:
        """Give a block to a worker. If all have enough to do, `finish` validates it here when its turn comes."""
        if cut.source.is_copy or self._workers.waiting >= self.ahead:
            return None
        question = ask(cut.pieces, max_line_bytes=self._decoder.rules.max_line_bytes)
        return None if question is None else self._workers.ask(question)

    async def finish(self, cut: LineBlock, answer: WorkerAnswer | None) -> Sequence[LineResults]:
        """Wait for the worker's answer."""
        if answer is None:
            return await self._alone.finish(cut, None)
        return self._reader.read(await answer.get(), cut.pieces, cut.source.name, cut.source.number)


def make_decoder(
    kind: Kind,
    settings: Settings,
    *,
    thorough: bool = False,
    settled: Covered | None = None,
    sent: "MoreMemory | None" = None,
    checked: bool = False,
    recent_signs: RecentSigns | None = None,
) -> Decoder:
    """Return the decoder that the settings ask for; `Rules` explains `thorough`, `Purchases` explains `settled`.

    `sent`: purchases that were sent to the account before. `checked`: the checks over all files have looked for
    customers and emails that came before, so the decoder does not, unless that is left out of them.
    `recent_signs` keeps what identifies the events, until they are accepted.
    """
    validation = settings.validation
    looks = kind is Kind.EVENTS and validation.duplicate_purchase != "allow"
    most, pure_python = validation.remember_ids, settings.source.pure_python
    rules = make_rules(kind, validation, thorough=thorough, pure_python=pure_python)
    purchases: EventMemory | None = None
    if looks:
        purchases = Purchases(capacity=most, settled=settled, pure_python=pure_python)
    if purchases is not None and sent is not None:
        purchases = sent.extend(purchases)
    if purchases is not None and recent_signs is not None:
        purchases = recent_signs.around(purchases)
    memory = KnownCustomers if checked else KnownIds  # the checks find duplicates of ids and emails, and more exactly
    return Decoder(rules, memory(capacity=most, pure_python=pure_python), purchases)


LEAST_BYTES = {Kind.CUSTOMERS: 64, Kind.EVENTS: 128, Kind.TRANSACTIONS: 64}
"""A customer, an event, and a customer's transactions have at least this number of bytes if they are valid."""


def fit_memory(settings: Settings, kind: Kind, size: int) -> Settings:
    """Return settings that remember no more than an export of `size` bytes can hold; 0 if the size is not known.

    A process that migrates many accounts keeps this memory for each.
    """
    most = size // LEAST_BYTES[kind] + 1
    if not size or most >= settings.validation.remember_ids:
        return settings
    return structs.replace(settings, validation=structs.replace(settings.validation, remember_ids=most))


async def validate_sources(
    sources: Sequence[Source],
    decoder: Decoder,
    *,
    block_bytes: int,
    max_line_bytes: int,
    helpers: "Helpers | None" = None,
    answers: "LineAnswers | None" = None,
) -> AsyncGenerator[ValidatedBlock, None]:
    """Yield the results of the lines of all sources, block by block.

    `helpers` take a part of the work off the loop; none do if there are `answers` of machines that have done it.

    If a source ends within a line, its complete lines are yielded. The incomplete one is not a record yet: it is
    neither validated nor counted, and the last position that is yielded is before it.

    Raises:
        InputError: an input cannot be read, or ended within a line. What came before was yielded.
        WorkerError: a worker was lost.
    """
    async with AsyncExitStack() as stack:
        validator: Validator = LocalValidator(decoder)
        beside: Beside | None = None
        many = helpers or Helpers()
        if answers is not None:
            validator = answers.validator(decoder)
        elif many.workers > 1 and is_much(sources, many.worth):
            at_once = _BLOCKS_A_WORKER * (many.workers - 1)
            # Rarely, a line that began in the block before is longer than a block.
            pool = open_workers(many.workers - 1, decoder.rules, at_once=at_once, usual_bytes=2 * block_bytes)
            validator = SharedValidator(decoder, await stack.enter_async_context(pool), at_once)
        elif many.thread and decoder.prove_text is not None and _is_at_hand(sources, many.worth):
            beside = stack.enter_context(prove_beside(decoder.prove_text))
        cuts = await stack.enter_async_context(
            aclosing(_cut_sources(sources, block_bytes, max_line_bytes, validator.most_lines, beside))
        )
        async for validated in _validate_in_order(cuts, validator):
            yield validated


def validate_again(kind: Kind, sources: Sequence[Source], settings: Settings) -> AsyncGenerator[ValidatedBlock, None]:
    """Validate sources beside a run, as the settings say. Close what it returns.

    No event is compared with earlier ones: the checks over all files do that, and find more.

    Raises:
        InputError: as `validate_sources` does.
    """
    validation = structs.replace(settings.validation, duplicate_purchase="allow")
    return validate_sources(
        sources,
        make_decoder(kind, structs.replace(settings, validation=validation), thorough=not is_much(sources)),
        block_bytes=settings.source.block_bytes,
        max_line_bytes=settings.validation.max_line_bytes,
        helpers=share_work(settings),
    )


def share_work(settings: Settings, *, limited: bool = False) -> Helpers:
    """Return who shares the work; `limited`: a limit paces the requests.

    If the setting leaves the number of processes open: one if a limit paces the requests, since it waits most of the
    time. One if the extension proves lines: what others could take off this process is less than what they cost
    (bench/README.md). Without the extension, validation is most of the work: as many as there are cores.
    """
    alone = limited or (is_built() and not settings.source.pure_python)
    return Helpers(workers=settings.upload.workers or (1 if alone else cores()), thread=not limited)


def is_much(sources: Iterable[Source], worth: int = WORTH_WORKERS) -> bool:
    """Return whether there is much to validate; a pipe may bring much."""
    inputs = [source.input for source in sources if not source.is_copy]
    return sum(found.size for found in inputs) >= worth or not all(found.size or is_file(found) for found in inputs)


def _is_at_hand(sources: Iterable[Source], worth: int) -> bool:
    """Return whether there is much to validate, and no pipe, whose writer may pause."""
    return is_much(sources, worth) and all(is_file(source.input) for source in sources)


async def _validate_in_order(
    cuts: AsyncGenerator[LineBlock, None], validator: Validator
) -> AsyncGenerator[ValidatedBlock, None]:
    """Yield the results of blocks in the order of the blocks, a few of them begun ahead."""
    begun = begin_ahead(cuts, lambda cut: (cut, validator.begin(cut)), validator.ahead)
    async with aclosing(begun):
        async for cut, answer in begun:
            yield ValidatedBlock(await validator.finish(cut, answer), cut.bytes_read, cut.place, cut.crc)
            # A block in the page cache comes without a wait: give other tasks a turn.
            await anyio.lowlevel.checkpoint()


async def _cut_sources(
    sources: Iterable[Source], block_bytes: int, max_line_bytes: int, most_lines: int, prover: Beside | None
) -> AsyncGenerator[LineBlock, None]:
    for source in sources:
        async with aclosing(cut_source(source, block_bytes, max_line_bytes, most_lines, prover)) as cuts:
            async for cut in cuts:
                yield cut
