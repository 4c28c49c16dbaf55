"""Read the sources and validate their lines: the first half of the pipeline, shared by validate, plan and migrate."""

import shlex
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from itertools import zip_longest
from typing import Protocol

import anyio.lowlevel
from msgspec import Struct, structs

from masivo_stream.core.dead_letters import validate_dead_letters
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.duplicates import KnownCustomers, KnownIds
from masivo_stream.core.reading.fingerprint import Prefix
from masivo_stream.core.reading.formats import Compression
from masivo_stream.core.reading.lines import LineSplitter, blank_out, is_complete, portions
from masivo_stream.core.reading.prover import is_built
from masivo_stream.core.reading.purchases import EventMemory, Purchases
from masivo_stream.core.reading.recent_signs import RecentSigns
from masivo_stream.core.reading.remote import AnswerReader, ask
from masivo_stream.core.reading.strict import make_rules
from masivo_stream.edges.export.source import Input, compression_at, is_file, is_plain_file, read_blocks
from masivo_stream.edges.workers.pool import WorkerAnswer, WorkerPool, cores, open_workers
from masivo_stream.flow.identity.known_exports import FROM_A_PIPE
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import LineResults, ValidatedBlock
from masivo_stream.model.errors import InputError
from masivo_stream.model.progress import Covered
from masivo_stream.model.results import Line, LineRun, Position
from masivo_stream.model.settings import Settings

_BLOCKS_A_WORKER = 3
"""Blocks per worker: the one it validates, and some to go on with while this process is busy."""

_DEAD_LETTER_FACTOR = 2
"""The line of a dead letter holds its record in base64 (a third more), and its history."""

WORTH_WORKERS = 16 * 1024 * 1024
"""Bytes to read from which on workers are started: that takes about as long as the validation of ten million bytes."""

MOST_LINES = 256
"""Lines validated without a pause. If all of them are faulty, with dead letters to write, other tasks wait some 15 ms
for their turn, and a timer for three turns."""

MOST_LINES_TOGETHER = 1024
"""Lines that go to a worker at once: this process only takes the answer, and a question costs each side one turn of the
event loop."""


class LineBlock(Struct, frozen=True):
    """The lines of one block, cut apart and not yet validated."""

    source: Source
    pieces: Sequence[LineRun | Line]
    bytes_read: int
    place: Position
    crc: int


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
    workers: int = 1,
    worth_workers: int = WORTH_WORKERS,
    answers: "LineAnswers | None" = None,
) -> AsyncGenerator[ValidatedBlock, None]:
    """Yield the results of the lines of all sources, block by block.

    With several `workers`, and at least `worth_workers` bytes to read, the others validate while this process reads on,
    and it does its share. None is started if there are `answers` of machines that have validated the lines.

    If a source ends within a line, its complete lines are yielded. The incomplete one is not a record yet: it is
    neither validated nor counted, and the last position that is yielded is before it.

    Raises:
        InputError: an input cannot be read, or ended within a line. What came before was yielded.
        WorkerError: a worker was lost.
    """
    async with AsyncExitStack() as stack:
        validator: Validator = LocalValidator(decoder)
        if answers is not None:
            validator = answers.validator(decoder)
        elif workers > 1 and is_much(sources, worth_workers):
            at_once = _BLOCKS_A_WORKER * (workers - 1)
            # Rarely, a line that began in the block before is longer than a block.
            pool = open_workers(workers - 1, decoder.rules, at_once=at_once, usual_bytes=2 * block_bytes)
            validator = SharedValidator(decoder, await stack.enter_async_context(pool), at_once)
        cuts = await stack.enter_async_context(
            aclosing(_cut_sources(sources, block_bytes, max_line_bytes, validator.most_lines))
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
        workers=share_work(settings),
    )


def share_work(settings: Settings, *, limited: bool = False) -> int:
    """Return the number of processes that share the work, this one included; `limited`: a limit paces the requests.

    If the setting leaves it open: one if a limit paces the requests, since it waits most of the time. One if the
    extension proves lines: what others could take off this process is less than what they cost (bench/README.md).
    Without the extension, validation is most of the work: as many as there are cores.
    """
    alone = limited or (is_built() and not settings.source.pure_python)
    return settings.upload.workers or (1 if alone else cores())


def is_much(sources: Iterable[Source], worth: int = WORTH_WORKERS) -> bool:
    """Return whether there is much to validate; a pipe may bring much."""
    inputs = [source.input for source in sources if not source.is_copy]
    return sum(found.size for found in inputs) >= worth or not all(found.size or is_file(found) for found in inputs)


async def _validate_in_order(
    cuts: AsyncGenerator[LineBlock, None], validator: Validator
) -> AsyncGenerator[ValidatedBlock, None]:
    """Yield the results of blocks in the order of the blocks, a few of them begun ahead."""
    begun: deque[tuple[LineBlock, WorkerAnswer | None]] = deque()
    failure: InputError | None = None
    reading = True
    while reading or begun:
        if reading and len(begun) <= validator.ahead:
            try:
                cut = await anext(cuts, None)
            except InputError as error:  # what was read before it is validated first
                failure, cut = error, None
            if cut is None:
                reading = False
            else:
                begun.append((cut, validator.begin(cut)))
            continue
        cut, answer = begun.popleft()
        yield ValidatedBlock(await validator.finish(cut, answer), cut.bytes_read, cut.place, cut.crc)
        # A block in the page cache comes without a wait: give other tasks a turn.
        await anyio.lowlevel.checkpoint()
    if failure is not None:
        raise failure


async def _cut_sources(
    sources: Iterable[Source], block_bytes: int, max_line_bytes: int, most_lines: int
) -> AsyncGenerator[LineBlock, None]:
    for source in sources:
        async with aclosing(cut_source(source, block_bytes, max_line_bytes, most_lines)) as cuts:
            async for cut in cuts:
                yield cut


async def cut_source(
    source: Source, block_bytes: int, max_line_bytes: int, most_lines: int
) -> AsyncGenerator[LineBlock, None]:
    """Yield the lines of a source, block by block, not validated.

    Raises:
        InputError: as `validate_sources` does.
    """
    offset = source.start.offset
    peek = source.start.line > 1  # did the line before end with a newline? if not, what follows belongs to it
    lines = _splitter(source, max_line_bytes)
    prefix = Prefix(offset=source.known[0], crc=source.known[1])

    def cut(pieces: Sequence[LineRun | Line], bytes_read: int, following: LineRun | Line | None = None) -> LineBlock:
        after = following or lines
        end = min(after.offset, prefix.offset)  # the checksum does not reach past a byte order mark without a line
        if source.settled:
            pieces = list(blank_out(pieces, source.settled))
        return LineBlock(source, pieces, bytes_read, Position(source.number, after.number, end), prefix.crc)

    try:
        async with aclosing(read_blocks(source.input, block_bytes=block_bytes, start=offset - peek)) as blocks:
            async for read in blocks:
                found = read
                if peek:
                    lines, peek = _splitter(source, max_line_bytes, unfinished=read[:1] != b"\n"), False
                    found = read[1:]
                begin, block = offset, found if source.end is None else found[: source.end - offset]
                pieces = [*portions(lines.cut(block), most_lines)] or [[]]
                for portion, following in zip_longest(pieces, pieces[1:]):
                    first = following[0] if following else None
                    end = begin + len(block) if first is None else first.offset
                    prefix.feed(offset, block[offset - begin : end - begin])
                    yield cut(portion, end - offset, first)
                    offset = end
                if offset == source.end:
                    break
    except Truncated as error:
        raise InputError(
            "the compressed file is cut off",
            operation="read the export",
            place=_place(source, lines),
            hint="copy the file or export again, then start the same command again",
        ) from error
    size = source.input.size if source.end is None else source.end
    if offset < size and is_plain_file(source.input):
        raise InputError(
            f"the export had {size} bytes at the start, but now ends after {offset}",
            operation="read the export",
            place=_place(source, lines),
            hint="the file was shortened while it was being read: restore it, then start the same command again",
        )
    place = _place(source, lines)
    last = lines.flush()
    if not all(map(is_complete, last)):
        raise InputError(
            "the export ends within a line",
            operation="read the export",
            place=place,
            hint=_finish_line(source.input),
        )
    prefix.finish()
    yield cut(last, 0)


def _splitter(source: Source, max_line_bytes: int, *, unfinished: bool = False) -> LineSplitter:
    return LineSplitter(
        max_line_bytes=_DEAD_LETTER_FACTOR * max_line_bytes if source.is_copy else max_line_bytes,
        number=source.start.line,
        offset=source.start.offset,
        unfinished=unfinished,
    )


def _place(source: Source, lines: LineSplitter) -> str:
    """Return the file, the number of the line that is not complete, and the offset at which it begins."""
    return f"{source.input.shown_path}:{lines.number}, byte {lines.offset}"


_END_LINE = {
    Compression.PLAIN: "printf '\\n' >> {}",
    Compression.GZIP: "printf '\\n' | gzip >> {}",
    Compression.ZSTANDARD: "printf '\\n' | zstd >> {}",
}


def _finish_line(found: Input) -> str:
    """Return how to complete the last line."""
    if not is_file(found):
        return f"its complete lines were already processed; {FROM_A_PIPE.format(found.name)}"
    if found.stored is not None:
        return (
            "an object cannot be added to: when the export is finished, write it to a further object, and name that one"
            " instead, or end the last line with a newline there; the part that was already read is recognised"
        )
    end = _END_LINE[compression_at(found)].format(shlex.quote(found.path))
    return (
        "start the same command again when the export is finished; if the line will never be finished, end it with a"
        f" newline, and it is validated as it is: {end}"
    )
