"""Validate one part of exports: write the answer that `validate`, `plan` and `migrate` take up with `--parts`."""

import re
from collections.abc import Mapping

from masivo_stream.core.parts.answer_format import PREFIX, AnswerHeader, read_header, read_prefix
from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.edges.clock import SystemClock
from masivo_stream.flow.exports import Exports, check_inputs
from masivo_stream.flow.identity.inspect_exports import inspect_exports
from masivo_stream.flow.look_up import patience_of
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.parts.answer_store import (
    OpenAnswer,
    check_place,
    check_writable,
    list_answers,
    open_answer,
    put_answer,
)
from masivo_stream.flow.parts.make_part import (
    MOST_PARTS,
    PARTS_OF_N,
    about_answer,
    answer_part,
    ask_for_part,
    name_of,
    part_size,
)
from masivo_stream.flow.work_progress import measured_bytes
from masivo_stream.model.errors import ConfigurationError, InputError, UnreachableExportError
from masivo_stream.model.parts import WrittenPart
from masivo_stream.model.settings import Settings

_MOST_DIGITS = 18
_PART = re.compile(r"(?P<part>[0-9]{1,18}|auto)/(?P<parts>[0-9]{1,18})")

INDEXES = ("JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX")
"""Variables in which Kubernetes, AWS Batch and Cloud Run number the tasks of a job, from 0."""


def read_part(text: str, environment: Mapping[str, str]) -> tuple[int, int]:
    """Return number and count from `3/8`, or from `auto/8`: then the environment numbers the tasks of a job from 0.

    Raises:
        ConfigurationError: it is neither, or the environment numbers nothing.
    """
    found = _PART.fullmatch(text)
    if found is None:
        raise _wrong(text, "this is not a part", "write 3/8 for the third of eight parts, or auto/8 in a job")
    parts = int(found["parts"])
    if found["part"] != "auto":
        return _check_number(text, int(found["part"]), parts, "")
    name = next((name for name in INDEXES if name in environment), None)
    if name is None:
        raise _wrong(text, f"no variable numbers the parts: {', '.join(INDEXES)}", "write the number, such as 3/8")
    index = environment[name]
    if not (index.isascii() and index.isdecimal() and len(index) <= _MOST_DIGITS):
        raise _wrong(text, f"{name} is no number of a part", "write the number, such as 3/8")
    return _check_number(text, int(index) + 1, parts, f": {name} is {index}, and counts from 0")


def _check_number(text: str, part: int, parts: int, why: str) -> tuple[int, int]:
    if not 1 <= part <= parts <= MOST_PARTS:
        raise _wrong(text, f"there is no part {part} of {parts}{why}", PARTS_OF_N)
    return part, parts


async def validate_part(
    settings: Settings, exports: Exports, part: int, parts: int, *, out: str, observer: Observer | None = None
) -> WrittenPart:
    """Validate part `part` (from 1) of `parts`, and write its answer. Nothing is sent, and no state directory is used.

    An answer that is there already and complete is left as it is.

    Args:
        settings: see `load_settings`.
        exports: all exports, the same ones for every part.
        part: which part.
        parts: how many parts there are.
        out: a directory that all machines share, or the URL of a folder in object storage.
        observer: receives notices of how far the work is.

    Raises:
        ConfigurationError: there is no such part, no export is named, or one comes from a pipe.
        InputError: an export cannot be read, or changed while it was read.
        StorageError: the answer cannot be written.
    """
    check_place(out, "--out")
    check_writable(out)
    inputs = exports.find(settings.retry)
    check_inputs(inputs)
    await inspect_exports(inputs)
    request = ask_for_part(inputs, settings, part, parts)
    about, patience = about_answer(request), patience_of(settings.retry)
    name = name_of(about)
    known = await _open(out, name, settings)
    if known is not None and known.header.about == about:
        return _describe(known.header, known.shown, known.size, known=True)
    sources = dict(enumerate(each for found in inputs.values() for each in found))
    observers, clock = Observers([observer] if observer else []), SystemClock()
    with measured_bytes(f"validating part {part} of {parts}", part_size(request), observer=observers, clock=clock):
        content = await answer_part(request, sources)
    await put_answer(out, name, content, patience)
    header = read_header(content[PREFIX.size : PREFIX.size + read_prefix(content)])
    return _describe(header, f"{shown_url(out).rstrip('/')}/{name}", len(content), known=False)


async def _open(out: str, name: str, settings: Settings) -> OpenAnswer | None:
    try:
        there = await list_answers(out, patience_of(settings.retry), name)
    except UnreachableExportError:
        raise
    except InputError as error:
        raise ConfigurationError(
            f"the answer cannot be written there: {error}",
            operation="write the answer",
            place=shown_url(out),
            hint="create the bucket, or correct --out; the credentials in the environment have to allow this place",
        ) from error
    return await open_answer(there[name]) if name in there else None


def _describe(header: AnswerHeader, shown: str, size: int, *, known: bool) -> WrittenPart:
    frames = [frame for stretch in header.stretches for frame in stretch.frames]
    return WrittenPart(
        part=header.about.part,
        parts=header.about.parts,
        answer=shown,
        bytes=size,
        lines=sum(frame.lines for frame in frames),
        again=sum(frame.again for frame in frames),
        known=known,
    )


def _wrong(text: str, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="read the command", place=text, hint=hint)
