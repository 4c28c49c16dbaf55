"""Take the answers of parts up: what one process finds, byte by byte, without validating again what others validated.

The exports are read here as they always are. Ids and emails are taken out of their lines by the places in the answers,
odd lines are validated here, and everything that depends on earlier lines is what it is in one process: the same code
looks at it. Notes of the answers are joined, and the checks over all files look at them as at their own.
"""

import re
import shlex
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from zlib import crc32

import anyio.lowlevel
from msgspec import structs

from masivo_stream.core.checks.look_at_lines import LateDates
from masivo_stream.core.checks.plausible import latest_allowed
from masivo_stream.core.parts.answer_format import (
    AnswerAbout,
    AnsweredLines,
    Damage,
    LatestDate,
    PartChecks,
    read_checks,
    read_notes,
)
from masivo_stream.core.parts.join_crcs import join_crcs
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.core.reading.remote import RemoteDecoder
from masivo_stream.core.reading.strict import make_rules
from masivo_stream.edges.export.source import Input, each_range, read_blocks
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.look_up import patience_of
from masivo_stream.flow.parts.answer_store import (
    OpenAnswer,
    check_place,
    list_answers,
    open_answer,
    unreadable,
)
from masivo_stream.flow.parts.answered_validator import AnsweredValidator, InputAnswers, OfPart
from masivo_stream.flow.parts.make_part import about_answer, ask_for_part, changed_since, name_of
from masivo_stream.flow.pipeline.read_exports import WORTH_WORKERS
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.findings import ExportFault, LinePlace
from masivo_stream.model.moments import moment_of
from masivo_stream.model.parts import PartRequest
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings, ValidationSettings

_OPERATION = "take parts up"
_MOST_NAMED = 20
"""Missing parts that are named one by one; if there are more, all are made again: those that are there take no time."""
_BLOCK_BYTES = 1 << 20
_SUGGESTED_PARTS = 8
_NAME = re.compile(
    r"part-(?P<part>[0-9]{5})-of-(?P<parts>[0-9]{5})\.(?P<export>[0-9a-f]{16})\.(?P<settings>[0-9a-f]{16})\.answer"
)


class TakenPart:
    """An answer, and where its lines are in the inputs: an `AnsweredPart`."""

    def __init__(self, answer: OpenAnswer, checks: PartChecks, lines_before: Mapping[int, int]) -> None:
        """Read `answer`, before whose lines there are others."""
        self._answer = answer
        self.checks, self.lines_before = checks, lines_before

    async def notes(self) -> AsyncIterator[tuple[int, "array[int]"]]:
        """Yield its notes by partition.

        Raises:
            InputError: the answer cannot be read any more.
        """
        for frame in self._answer.header.notes:
            content = await self._answer.frame(frame)
            try:
                for partition, notes in read_notes(frame, content, self.lines_before):
                    yield partition, notes
            except Damage as error:
                raise unreadable(self._answer.shown, "it was changed") from error
            await anyio.lowlevel.checkpoint()  # a file comes without a wait: give other tasks a turn


class TakenParts:
    """The answers of all parts of the exports. Get them from `take_parts`."""

    def __init__(
        self, inputs: Mapping[Kind, Sequence[Input]], settings: Settings, answers: Sequence[OpenAnswer]
    ) -> None:
        """Take up `answers`, one of each part, in their order."""
        self._sources = [(kind, each) for kind, found in inputs.items() for each in found]
        self._settings, self._answers = settings, answers

    def validator(self, decoder: Decoder) -> AnsweredValidator:
        """Return what validates as `decoder` does, by the answers."""
        kind = decoder.rules.kind
        by_source = defaultdict[int, list[OfPart]](list)
        for answer in self._answers:
            for lines in answer.header.stretches:
                by_source[lines.source].append(OfPart(answer, lines))
        return AnsweredValidator(
            decoder,
            {
                each.path: InputAnswers(by_source[number])
                for number, (of_kind, each) in enumerate(self._sources)
                if of_kind is kind
            },
        )

    async def check_content(self) -> None:
        """Compare every byte of the exports with what was validated, for who does not read the lines by the answers.

        Size and samples of a file miss a change between the samples. An object's ETag misses none.

        Raises:
            InputError: an export is another one than when it was validated, or cannot be read.
        """
        by_source = defaultdict[int, list[AnsweredLines]](list)
        for answer in self._answers:
            for lines in answer.header.stretches:
                by_source[lines.source].append(lines)
        for number, (_, found) in enumerate(self._sources):
            if found.stored is None and await _read_crc(found) != _answered_crc(by_source[number]):
                raise changed_since(found)

    async def parts(self) -> AsyncIterator[TakenPart]:
        """Yield the parts in reading order.

        Raises:
            InputError: an answer cannot be read any more.
        """
        for answer, before in zip(self._answers, self._lines_before(), strict=True):
            yield TakenPart(answer, await _checks(answer), before)

    async def find_late(self, today: datetime) -> list[ExportFault]:
        """Return the dates that are in the future: only those lines are looked at that may have one.

        Raises:
            InputError: an answer cannot be read any more, or an export.
        """
        latest = moment_of(latest_allowed(today))
        found: list[ExportFault] = []
        for answer, before in zip(self._answers, self._lines_before(), strict=True):
            checks = await _checks(answer)
            late = defaultdict[int, list[LatestDate]](list)
            for each in checks.dates:
                if each.moment > latest:
                    late[each.source].append(each)
            for source, dates in late.items():
                found += [fault async for fault in self._look_again(source, dates, before[source], today)]
        return found

    async def _look_again(
        self, source: int, dates: Sequence[LatestDate], lines_before: int, today: datetime
    ) -> AsyncIterator[ExportFault]:
        """Look at lines of an input again that may have a date in the future."""
        kind, found = self._sources[source]
        validation = self._settings.validation
        size = sum(each.size for of_kind, each in self._sources if of_kind is kind)
        pure_python = self._settings.source.pure_python
        rules = make_rules(kind, validation, thorough=size < WORTH_WORKERS, pure_python=pure_python)
        decoder = RemoteDecoder(rules)
        late = LateDates(kind, today)
        spans = [(each.begin, each.end - each.begin) for each in dates]
        async with aclosing(each_range(found, spans, block_bytes=_BLOCK_BYTES)) as texts:
            number = 0
            async for text in texts:
                each, number = dates[number], number + 1
                splitter = LineSplitter(
                    max_line_bytes=validation.max_line_bytes, number=lines_before + each.line, offset=each.begin
                )
                results, _, _ = decoder.validate([*splitter.cut(text), *splitter.flush()], "")
                for line, offset, length, body in _bodies(results):
                    for check, field in late.look(body):
                        yield ExportFault(check, LinePlace(source, line, offset, length), field=field)

    def _lines_before(self) -> Iterator[dict[int, int]]:
        """Yield, of each answer, the lines before it of each input that is in it."""
        seen = defaultdict[int, int](int)
        for answer in self._answers:
            stretches = answer.header.stretches
            yield {lines.source: seen[lines.source] for lines in stretches}
            for lines in stretches:
                seen[lines.source] += lines.lines


async def _read_crc(found: Input) -> tuple[int, int]:
    """Return length and CRC-32 of the text of an export."""
    length, crc = 0, 0
    try:
        async with aclosing(read_blocks(found, block_bytes=_BLOCK_BYTES)) as blocks:
            async for block in blocks:
                length, crc = length + len(block), crc32(block, crc)
                await anyio.lowlevel.checkpoint()  # a file comes without a wait: give other tasks a turn
    except Truncated as error:
        raise changed_since(found) from error
    return length, crc


def _answered_crc(stretches: Sequence[AnsweredLines]) -> tuple[int, int]:
    """Return length and CRC-32 of the text that was validated."""
    crc = 0
    for each in stretches:
        crc = join_crcs(crc, each.crc, each.end - each.begin)
    return stretches[-1].end if stretches else 0, crc


async def _checks(answer: OpenAnswer) -> PartChecks:
    try:
        return read_checks(await answer.frame(answer.header.checks))
    except Damage as error:
        raise unreadable(answer.shown, "it was changed") from error


def _bodies(results: Iterable[LineResults]) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield line, offset, length and body of each valid record."""
    for each in results:
        if isinstance(each, EntryRun):
            for line, (offset, body) in enumerate(zip(each.offsets, each.bodies, strict=True), each.line):
                yield line, offset, len(body), body
        elif isinstance(each, Entry):
            yield each.line, each.offset, each.length, each.body


async def take_parts(exports: Exports, inputs: Mapping[Kind, Sequence[Input]], settings: Settings) -> TakenParts:
    """Return the answers at `exports.parts` to all parts of `inputs`.

    Raises:
        ConfigurationError: some are missing, or made of other exports, with other settings or by another version. The
            hint is the command that makes them.
        InputError: an export or an answer cannot be read.
        StorageError: the directory cannot be read.
    """
    found = await look_for_answers(exports, ask_for_part(inputs, settings, 1, 1), settings)
    if found.missing or not found.answers:
        parts = found.names.parts or found.names.other_parts or _SUGGESTED_PARTS
        raise ConfigurationError(
            _describe(found.names, found.missing, found.damaged) + _of_secrets(exports),
            operation=_OPERATION,
            place=shown_url(exports.parts),
            hint=_hint(exports, settings, found.missing if found.names.parts else [], parts),
        )
    _check_stretches([each for found_of in inputs.values() for each in found_of], found.answers)
    return TakenParts(inputs, settings, found.answers)


class FoundAnswers:
    """The answers at a place that are of the exports as they are, and the parts that have none."""

    def __init__(self, names: "_Names") -> None:
        """Begin with their names."""
        self.names = names
        self.parts = names.parts
        """Into how many parts the exports are divided."""
        self.answers: list[OpenAnswer] = []
        self.missing: list[int] = []

    @property
    def damaged(self) -> int:
        """How many of the missing ones have a file."""
        return len(self.names.present) + len(self.missing) - self.names.parts


async def look_for_answers(exports: Exports, asked: PartRequest, settings: Settings) -> FoundAnswers:
    """Return the answers at `exports.parts` that are right. Without any, all parts of `asked` are missing.

    Raises:
        ConfigurationError: there can be no answers at this place.
        InputError: an answer cannot be read.
        StorageError: the directory cannot be read.
    """
    check_place(exports.parts, "--parts")
    about = about_answer(asked)
    there = await list_answers(exports.parts, patience_of(settings.retry))
    found = FoundAnswers(_Names(about, there))
    if not found.parts:
        found.parts, found.missing = asked.parts, [*range(1, asked.parts + 1)]
    for part in range(1, found.names.parts + 1):
        wanted = structs.replace(about, part=part, parts=found.parts)
        stored = there.get(name_of(wanted))
        answer = None if stored is None else await open_answer(stored)
        if answer is None or answer.header.about != wanted:
            found.missing.append(part)
        else:
            found.answers.append(answer)
    return found


def _check_stretches(inputs: Sequence[Input], answers: Sequence[OpenAnswer]) -> None:
    """Check that in each input every part begins where the one before it ended: they were made of the same lines.

    Raises:
        InputError: an export changed between two parts, without a sample that shows it.
    """
    ends = defaultdict[int, int](int)
    for answer in answers:
        for lines in answer.header.stretches:
            if lines.begin != ends[lines.source]:
                raise changed_since(inputs[lines.source])
            ends[lines.source] = lines.end


class _Names:
    """What the names of answers say."""

    def __init__(self, about: AnswerAbout, names: Iterable[str]) -> None:
        """Look at names for answers of the exports and settings that `about` names."""
        by_parts = defaultdict[int, set[int]](set)
        self.other_exports = self.other_settings = self.other_parts = 0
        """How many answers are of other exports; of these exports with other settings; and of how many parts."""
        for name in names:
            if (read := _NAME.fullmatch(name)) is None:
                continue
            part, parts = int(read["part"]), int(read["parts"])
            if read["export"] != about.export.hex():
                self.other_exports += 1
                self.other_parts = parts
            elif read["settings"] != about.settings.hex():
                self.other_settings += 1
                self.other_parts = parts
            elif 1 <= part <= parts:
                by_parts[parts].add(part)
        # Exports may have been divided more than once. Complete answers come first, then the fewest parts.
        self.parts = min(by_parts, key=lambda parts: (parts - len(by_parts[parts]), parts), default=0)
        self.present = by_parts.get(self.parts, set())


def _describe(found: _Names, missing: Sequence[int], damaged: int) -> str:
    if found.parts:
        named = ", ".join(map(str, missing[:_MOST_NAMED])) + (" …" if len(missing) > _MOST_NAMED else "")
        broken = f" ({damaged} damaged)" if damaged else ""
        verb = "is" if len(missing) == 1 else "are"
        return f"{len(missing)} of {found.parts} parts {verb} missing{broken}: {named}"
    if found.other_settings:
        return "the answers there were made with other settings, or by another version of this program or of Python"
    if found.other_exports:
        return "the answers there are of other exports, or of these exports as they were before"
    return "there is no answer of a part there"


def _of_secrets(exports: Exports) -> str:
    names = (*exports.customers, *exports.events, *exports.transactions)
    masked = any(_with_secret_masked(name) != shown_url(name) for name in names)
    return "; *** is a signature, which is not shown: name the URL with its own" if masked else ""


def _hint(exports: Exports, settings: Settings, missing: Sequence[int], parts: int) -> str:
    """Return the command that makes the missing parts; all of them if they are many, or if no answer is there."""
    if len(missing) == 1:
        return f"make it, on any machine that sees the exports: {_command(exports, settings, f'{missing[0]}/{parts}')}"
    numbers = " ".join(map(str, missing)) if 0 < len(missing) <= _MOST_NAMED else f"$(seq {parts})"
    command = _command(exports, settings, f"$part/{parts}")
    return (
        "make them, each on any machine that sees the exports; on this one, one after the other:"
        f" for part in {numbers}; do {command}; done"
    )


def _with_secret_masked(name: str) -> str:
    """Return a name as it may be shown, and with it that a signature is left out."""
    shown = shown_url(name)
    return shown if "?" not in name or shown == name else f"{shown}?***"


def _command(exports: Exports, settings: Settings, part: str) -> str:
    """Return the command that makes a part, with the settings on which its answer depends."""
    words = ["masivo-stream", "validate"]
    for kind, names in (
        (Kind.CUSTOMERS, exports.customers),
        (Kind.EVENTS, exports.events),
        (Kind.TRANSACTIONS, exports.transactions),
    ):
        words += [f"--{kind.value}", *map(_with_secret_masked, names)] if names else []
    validation, default = settings.validation, ValidationSettings()
    for name in ("unknown_fields", "discounted_value", "transaction_types", "max_line_bytes"):
        if getattr(validation, name) != getattr(default, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(validation, name))]
    quoted = " ".join(map(shlex.quote, words))
    return f"{quoted} --part {part} --out {shlex.quote(shown_url(exports.parts))}"
