"""Have parts of exports validated by the workers of a scheduler, then take their answers up.

Answers go through this process into the place of answers, so that workers need to read the exports and nothing else.
What is there already is not asked for again: after a loss, the same command goes on from the answers that are there.
"""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path

import msgspec
from msgspec import structs

from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.core.redact import printable
from masivo_stream.edges.export.source import Input
from masivo_stream.edges.workers.pool import cores
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.look_up import patience_of
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.parts.answer_store import put_answer
from masivo_stream.flow.parts.make_part import MOST_PARTS, answer_name, ask_for_part, make_part
from masivo_stream.flow.parts.take_parts import TakenParts, look_for_answers, take_parts
from masivo_stream.flow.work_progress import WorkMeter
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.parts import PartInput, PartRequest
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings
from masivo_stream.model.tasks import Task

PARTS = "parts"
"""The directory of answers in the state directory, if no other place is named."""
PART_BYTES = 32 * 1024 * 1024
"""A part takes a worker about a second: little is lost with a worker, and little is spent on handing it out."""

OpenAnswers = Callable[[Mapping[Kind, Sequence[Input]]], Awaitable[TakenParts]]


def answers_opener(exports: Exports, settings: Settings, observer: Observer, clock: Clock) -> OpenAnswers | None:
    """Return what opens the answers of parts, which a scheduler's workers may have to make first; None for no parts.

    The observer receives how many parts are there.
    """
    if settings.scheduler.scheduler:
        return partial(_spread_and_take, exports, settings=settings, observer=observer, clock=clock)
    return partial(take_parts, exports, settings=settings) if exports.parts else None


async def _spread_and_take(
    exports: Exports, inputs: Mapping[Kind, Sequence[Input]], *, settings: Settings, observer: Observer, clock: Clock
) -> TakenParts:
    """Return the answers to all parts of `inputs`, after workers have made those that are not there.

    Raises:
        ConfigurationError: the scheduler must not be used, or runs other versions; an export comes from a pipe.
        InputError: a worker cannot read an export.
        StorageError: answers cannot be read or written.
        WorkerError: the scheduler or its workers were lost.
    """
    place = exports.parts or str(Path(settings.state.state_dir) / PARTS)
    exports = structs.replace(exports, parts=place)
    parts = max(1, min(MOST_PARTS, sum(each.size for found in inputs.values() for each in found) // PART_BYTES))
    asked = ask_for_part(inputs, settings, 1, parts)
    found = await look_for_answers(exports, asked, settings)
    if found.missing:
        asked = structs.replace(asked, parts=found.parts)
        meter = WorkMeter("validating on workers", found.parts, "parts", observer=observer, clock=clock)
        meter.reach(found.parts - len(found.missing))
        await _make(asked, found.missing, place, settings, meter)
    return await take_parts(exports, inputs, settings)


async def _make(asked: PartRequest, missing: Sequence[int], place: str, settings: Settings, meter: WorkMeter) -> None:
    """Have missing parts made, and write their answers as they come."""
    from masivo_stream.edges.scheduler.dask_client import open_scheduler  # noqa: PLC0415 - few runs have a scheduler

    asked = structs.replace(asked, inputs=tuple(map(_absolute, asked.inputs)))

    def request(part: int) -> PartRequest:
        return structs.replace(asked, part=part)

    tasks = (Task(f"part {part} of {asked.parts}", part, msgspec.msgpack.encode(request(part))) for part in missing)
    patience = patience_of(settings.retry)
    async with (
        open_scheduler(settings.scheduler, local_workers=settings.upload.workers or cores()) as scheduler,
        aclosing(scheduler.compute(tasks, make_part)) as answers,
    ):
        async for task, answer in answers:
            await put_answer(place, answer_name(request(task.number)), answer, patience)
            meter.add(1)


def _absolute(found: PartInput) -> PartInput:
    """Return an input as a worker finds it, which has another working directory.

    Raises:
        ConfigurationError: its path is no text.
    """
    path = found.path if is_url(found.path) else os.path.abspath(found.path)  # noqa: PTH100 - links stay as named
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            "the name of an export is not UTF-8, so it cannot be sent to workers",
            operation="let the workers of a scheduler work",
            place=printable(path),
            hint="rename the file, and name it as it is called then",
        ) from error
    return structs.replace(found, path=path)
