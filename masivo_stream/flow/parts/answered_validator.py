"""Validate lines by the answers of parts: ids and emails are taken out of the lines by their places.

Odd lines are validated here, and everything that depends on earlier lines is decided here, in reading order, by the
decoder that would validate all of them: see `core.reading.remote`.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from msgspec import Struct

from masivo_stream.core.parts.answer_format import AnsweredLines, Damage, read_columns
from masivo_stream.core.parts.join_crcs import join_crcs
from masivo_stream.core.parts.line_columns import ColumnReader
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.purchases import Signs
from masivo_stream.core.reading.remote import AnswerReader, RemoteDecoder, RemoteResults, interleave
from masivo_stream.edges.workers.pool import WorkerAnswer
from masivo_stream.flow.parts.answer_store import OpenAnswer, unreadable
from masivo_stream.flow.parts.make_part import changed_since
from masivo_stream.flow.pipeline.cut_source import LineBlock
from masivo_stream.flow.pipeline.read_exports import MOST_LINES_TOGETHER, LocalValidator
from masivo_stream.model.entries import LineResults
from masivo_stream.model.results import LineRun


class OfPart(Struct, frozen=True):
    """The lines of an input in one answer."""

    answer: OpenAnswer
    lines: AnsweredLines


class InputAnswers:
    """All that answers hold of the lines of one input, read from the first line to the last."""

    def __init__(self, parts: Sequence[OfPart]) -> None:
        """Read the answers of `parts`, which follow one another in the input."""
        self._frames = [(each.answer, frame) for each in parts for frame in each.lines.frames]
        self._next_frame = 0
        self._columns: ColumnReader | None = None
        self.line = 1
        """The number of the line that is read next."""
        self.end = parts[-1].lines.end if parts else 0
        """The offset at which the input ended when it was validated."""
        self.crc = 0
        for each in parts:
            self.crc = join_crcs(self.crc, each.lines.crc, each.lines.end - each.lines.begin)

    async def read(self, bodies: Sequence[bytes]) -> tuple[list[int], RemoteResults]:
        """Return which of the next lines have to be validated, and the results of all others.

        Raises:
            InputError: an answer cannot be read.
            ValueError: the lines are others than those of which the answers are.
        """
        alone: list[int] = []
        found: RemoteResults | None = None
        start = 0
        while start < len(bodies):
            columns = await self._here()
            several = bodies[start : start + columns.left]
            apart, results = columns.read(several)
            alone += [start + index for index in apart]
            found = results if found is None else _join(found, results)
            start += len(several)
        self.line += len(bodies)
        return alone, found or RemoteResults({}, [], [], [], Signs())

    async def skip_to(self, line: int) -> None:
        """Pass over the lines before `line`: nothing if it is the next one.

        Raises:
            InputError: an answer cannot be read.
            ValueError: there is no such line, or it was read before.
        """
        if line < self.line:
            raise ValueError("read before")
        while self.line < line:
            columns = await self._here()
            lines = min(columns.left, line - self.line)
            columns.skip(lines)
            self.line += lines

    async def _here(self) -> ColumnReader:
        """Return the columns of the next line."""
        while self._columns is None or not self._columns.left:
            if self._next_frame == len(self._frames):
                raise ValueError("more lines than before")
            answer, frame = self._frames[self._next_frame]
            self._next_frame += 1
            content = await answer.frame(frame)
            try:
                self._columns = ColumnReader(read_columns(content))
            except Damage as error:
                raise unreadable(answer.shown, "it was changed") from error
        return self._columns

    @property
    def exhausted(self) -> bool:
        """Whether all lines were read."""
        return self._next_frame == len(self._frames) and (self._columns is None or not self._columns.left)


def _join(one: RemoteResults, other: RemoteResults) -> RemoteResults:
    return RemoteResults(
        {},
        one.customers + other.customers,
        one.items + other.items,
        one.emails + other.emails,
        Signs(one.signs.purchases + other.signs.purchases, one.signs.contents + other.signs.contents),
    )


class AnsweredValidator:
    """Validates by answers: a `Validator`."""

    ahead = 0
    most_lines = MOST_LINES_TOGETHER

    def __init__(self, decoder: Decoder, answers: Mapping[str, InputAnswers]) -> None:
        """Validate as `decoder` does; `answers` are by the path of the input."""
        self._answers, self._most_bytes = answers, decoder.rules.max_line_bytes
        self._alone, self._reader = RemoteDecoder(decoder.rules), AnswerReader(decoder)
        self._local = LocalValidator(decoder)

    def begin(self, _cut: LineBlock) -> None:
        """Do nothing yet."""

    async def finish(self, cut: LineBlock, _answer: WorkerAnswer | None) -> Sequence[LineResults]:
        """Return the results of the lines.

        Raises:
            InputError: an answer cannot be read, or the export is another one than when it was validated.
        """
        source = cut.source
        answers = self._answers.get(source.input.path)
        if answers is None:
            return await self._local.finish(cut, None)
        try:
            if cut.pieces:
                await answers.skip_to(cut.pieces[0].number)
            found = await self._results(cut, answers)
        except ValueError as error:
            raise changed_since(source.input) from error
        if cut.place.offset == answers.end and not (answers.exhausted and cut.crc == answers.crc):
            raise changed_since(source.input)
        return self._reader.read_results(found, cut.pieces, source.name, source.number)

    async def _results(self, cut: LineBlock, answers: InputAnswers) -> RemoteResults:
        """Return the results of the lines within the cap: those beyond it are seen by their length alone."""
        bodies: list[bytes] = []
        beyond: list[int] = []
        for piece in cut.pieces:
            if isinstance(piece, LineRun):
                bodies.extend(piece.bodies)
            else:
                if piece.length > self._most_bytes:
                    beyond.append(len(bodies))
                bodies.append(piece.body)
        marked, others = await answers.read(bodies)
        if not marked:
            return others
        passed = set(beyond)
        alone = [index for index in marked if index not in passed]
        if len(alone) + len(passed) != len(marked):
            raise ValueError("other lines are too long")
        if not alone:
            return others
        own = self._alone.results(b"\n".join([bodies[index] for index in alone]))
        return interleave(others, [index - bisect_left(beyond, index) for index in alone], own)
