"""Validate one part of exports, and put into an answer what another process needs to go on as if it had done it.

`make_part` is a pure function of its request and of the exports: it can run anywhere, more than once, and gives the
same bytes each time. A Kubernetes job, a batch system or a cluster of workers calls it.

What depends on lines of other parts (which customer came before, whether a customer exists) is not looked at here. Nor
is the time: a date in the future is one for the process that takes the answers up.
"""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing

import anyio
import msgspec
from msgspec import Struct, structs

from masivo_stream import __version__
from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.look_at_lines import LineChecks
from masivo_stream.core.checks.note_format import SharedHash
from masivo_stream.core.checks.take_notes import NoteTaker
from masivo_stream.core.parts.answer_format import FORMAT, AnswerAbout, AnswerWriter, LatestDate, PartChecks
from masivo_stream.core.parts.divide import Stretch, divide
from masivo_stream.core.parts.line_columns import ColumnWriter
from masivo_stream.core.reading.lines import aligned
from masivo_stream.core.reading.remote import RemoteDecoder
from masivo_stream.core.reading.strict import make_rules
from masivo_stream.edges.export.identity import Identity, identify_input
from masivo_stream.edges.export.source import Input, is_compressed, line_after
from masivo_stream.edges.files.spill import Spill
from masivo_stream.flow.checks.policy import FIRST_PLACES
from masivo_stream.flow.checks.whole_export import partitions_for, text_bytes
from masivo_stream.flow.look_up import look_up, patience_of
from masivo_stream.flow.pipeline.cut_source import cut_source
from masivo_stream.flow.pipeline.read_exports import MOST_LINES, WORTH_WORKERS
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.model.moments import moment_of
from masivo_stream.model.parts import PartInput, PartRequest, PartRules
from masivo_stream.model.results import Line, LineRun, Position
from masivo_stream.model.settings import RetrySettings, Settings, ValidationSettings

MOST_PARTS = 99_999
PARTS_OF_N = f"the parts of N are 1/N to N/N, and N is at most {MOST_PARTS:,}"
_OPERATION = "validate a part"
_LINES_A_FRAME = 64 * MOST_LINES

CHANGED = (
    "if the export is as it should be now, remove the answers of its parts, make all parts again, and start the same"
    " command again; if it is not, restore it"
)


def make_part(request: bytes) -> bytes:
    """Return the answer to a request (msgpack of `PartRequest`): the content of an answer file.

    Raises:
        InputError: an export cannot be read, is not the one of the request, or changed meanwhile.
        StorageError: there is no space for temporary notes.
    """
    asked = msgspec.msgpack.decode(request, type=PartRequest)
    wanted = {stretch.source for stretch in divide(asked.inputs, asked.part, asked.parts)}
    patience = patience_of(RetrySettings())
    found = {source: look_up([asked.inputs[source].path], patience)[0] for source in sorted(wanted)}
    return anyio.run(answer_part, asked, found)


def ask_for_part(inputs: Mapping[Kind, Sequence[Input]], settings: Settings, part: int, parts: int) -> PartRequest:
    """Return the request for part `part` (from 1) of `parts`.

    Raises:
        ConfigurationError: there is no such part, or an export comes from a pipe.
        InputError: an export cannot be read.
    """
    if not 1 <= part <= parts <= MOST_PARTS:
        raise ConfigurationError(
            f"there is no part {part} of {parts}",
            operation=_OPERATION,
            place="--part",
            hint=PARTS_OF_N,
        )
    validation = settings.validation
    return PartRequest(
        inputs=tuple(_describe(kind, each) for kind, found in inputs.items() for each in found),
        rules=PartRules(
            validation.unknown_fields,
            validation.discounted_value,
            validation.transaction_types,
            validation.max_line_bytes,
        ),
        part=part,
        parts=parts,
        block_bytes=settings.source.block_bytes,
        pure_python=settings.source.pure_python,
    )


def about_answer(request: PartRequest) -> AnswerAbout:
    """Return what the answer to a request is of: another answer is not one to it."""
    inputs = [(each.kind.value, each.size, each.compressed, each.identity) for each in request.inputs]
    machine = sys.version_info[:2], sys.byteorder, sys.hash_info.width
    size = sum(text_bytes(each.size, compressed=each.compressed) for each in request.inputs)
    return AnswerAbout(
        export=_digest(inputs),
        settings=_digest((FORMAT, __version__, machine, request.rules)),
        part=request.part,
        parts=request.parts,
        partitions=partitions_for(size),
    )


def answer_name(request: PartRequest) -> str:
    """Return the name of the file that holds the answer to a request."""
    return name_of(about_answer(request))


def name_of(about: AnswerAbout) -> str:
    """Return the name of the file that holds an answer."""
    number = f"part-{about.part:05d}-of-{about.parts:05d}"
    return f"{number}.{about.export.hex()}.{about.settings.hex()}.answer"


def part_size(request: PartRequest) -> int:
    """Return how many bytes of the exports are in a part, as they are stored."""
    stretches = divide(request.inputs, request.part, request.parts)
    return sum(request.inputs[each.source].size if each.end is None else each.end - each.start for each in stretches)


async def answer_part(request: PartRequest, inputs: Mapping[int, Input]) -> bytes:
    """Return the answer to a request, as `make_part` does. `inputs` are at least those of the part, by their numbers.

    Raises:
        InputError: as `make_part`.
        StorageError: as `make_part`.
    """
    stretches = divide(request.inputs, request.part, request.parts)
    before = {each.source: _check(inputs[each.source], request.inputs[each.source]) for each in stretches}
    about = about_answer(request)
    with Spill(about.partitions, None, of_part=True) as spill:
        work = _PartReader(request, about, spill)
        for stretch in stretches:
            await work.read(stretch, inputs[stretch.source])
        for source, known in before.items():  # what was read may have been written meanwhile
            if identify_input(inputs[source]) != known:
                raise _changed(inputs[source], "it changed while it was read")
        return work.finish()


def _describe(kind: Kind, found: Input) -> PartInput:
    return PartInput(kind, found.path, found.size, is_compressed(found), _identity_digest(identify_input(found), found))


def _identity_digest(identity: Identity, found: Input) -> bytes:
    """Return a digest of an export's content: of size and samples, or of what object storage says of it.

    Its place and the time when it was written make no difference, because machines may have copies.
    """
    if identity.stream:
        raise ConfigurationError(
            "what comes from a pipe cannot be divided into parts",
            operation=_OPERATION,
            place=found.shown_path,
            hint="write it to a file that all machines can read, and name that file",
        )
    written = 0 if identity.etag or not identity.is_object else identity.mtime_ns
    return _digest((identity.size, identity.samples, identity.etag, written))


def _check(found: Input, known: PartInput) -> Identity:
    """Return the identity of an export that is the one of the request."""
    identity = identify_input(found)
    if identity.stream or identity.size != known.size or _identity_digest(identity, found) != known.identity:
        raise _changed(found, "it is not the one that the part was asked of")
    return identity


def changed_since(found: Input) -> InputError:
    """Return the error for an export that is not the one of which there are answers."""
    return _changed(found, "it is not the one of which there are answers of parts")


def _changed(found: Input, what: str) -> InputError:
    return InputError(f"the export has changed: {what}", operation=_OPERATION, place=found.shown_path, hint=CHANGED)


def _digest(value: object) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=8).digest()


class _FewLines(Struct):
    """A few lines that follow one another."""

    source: int
    number: int
    begin: int
    latest: int | None = None


class _PartReader:
    """Reads stretches, and puts the answer together."""

    def __init__(self, request: PartRequest, about: AnswerAbout, spill: Spill) -> None:
        self._request = request
        self._validation = msgspec.convert(structs.asdict(request.rules), ValidationSettings)
        kinds = [each.kind for each in request.inputs]
        self._bytes = {
            kind: sum(each.size for each in request.inputs if each.kind is kind) for kind in dict.fromkeys(kinds)
        }
        self._decoders: dict[Kind, RemoteDecoder] = {}
        self._answer, self._columns, self._spill = AnswerWriter(about), ColumnWriter(), spill
        self._collector = Collector(FIRST_PLACES)
        self._checks = LineChecks(self._collector, None, pure_python=request.pure_python)
        files = {(kind, str(number)): number for number, kind in enumerate(kinds)}
        self._notes = NoteTaker(about.partitions, spill.add, files, self._checks, SharedHash(about.export))
        self._read: list[int] = []
        self._dates: list[LatestDate] = []
        self._few: _FewLines | None = None

    async def read(self, stretch: Stretch, found: Input) -> None:
        """Validate the lines of a stretch."""
        begin, end = 0, None
        if stretch.end is not None:
            begin, end = await line_after(found, stretch.start), await line_after(found, stretch.end)
            if begin == end:
                return
        source = Source(found, stretch.source, Position(stretch.source, 1, begin), known=(begin, 0), end=end)
        cuts = cut_source(source, self._request.block_bytes, self._validation.max_line_bytes, MOST_LINES)
        read, crc = begin, 0
        async with aclosing(cuts):
            async for cut in cuts:
                for pieces in aligned(cut.pieces, MOST_LINES):
                    self._take(stretch.source, pieces)
                read, crc = read + cut.bytes_read, cut.crc
        self._end_few(read)
        self._end_frame()
        self._answer.end_stretch(stretch.source, begin, read, crc)
        self._read.append(stretch.source)

    def _take(self, source: int, pieces: Sequence[LineRun | Line]) -> None:
        """Validate lines, of which only the last one may have a number that ends a portion."""
        first = pieces[0]
        number, begin = first.number, first.offsets[0] if isinstance(first, LineRun) else first.offset
        if (number - 1) % MOST_LINES == 0:
            self._end_few(begin)
            if self._columns.lines >= _LINES_A_FRAME:
                self._end_frame()
        if self._few is None:
            self._few = _FewLines(source, number, begin)
        kind = self._request.inputs[source].kind
        results, emails, signs = self._decoder(kind).validate(pieces, str(source), source)
        self._columns.add(results, emails, signs)
        self._notes.take(kind, results)
        if (latest := self._checks.take_latest()) is not None:
            moment = moment_of(latest)
            self._few.latest = moment if self._few.latest is None else max(self._few.latest, moment)

    def _end_few(self, end: int) -> None:
        few, self._few = self._few, None
        if few is not None and few.latest is not None:
            self._dates.append(LatestDate(few.source, few.number, few.begin, end, few.latest))

    def _end_frame(self) -> None:
        if self._columns.lines:
            self._answer.add_columns(self._columns.take())

    def _decoder(self, kind: Kind) -> RemoteDecoder:
        known = self._decoders.get(kind)
        if known is None:
            thorough, pure_python = self._bytes[kind] < WORTH_WORKERS, self._request.pure_python
            rules = make_rules(kind, self._validation, thorough=thorough, pure_python=pure_python)
            rules = structs.replace(rules, sign_events=kind is Kind.EVENTS)
            known = self._decoders[kind] = RemoteDecoder(rules)
        return known

    def finish(self) -> bytes:
        """Return the answer."""
        self._notes.flush()
        self._answer.add_notes(map(self._spill.load, range(self._spill.parts)))
        packed = self._notes.packed_totals()
        return self._answer.finish(
            PartChecks(
                totals={source: packed[source] for source in sorted(set(self._read))},
                faults=self._collector.pack(),
                unknown=self._checks.unknown.pack(),
                dates=self._dates,
            )
        )
