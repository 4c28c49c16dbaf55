"""Have the shares of a preparation made by the workers of a scheduler."""

from contextlib import aclosing
from functools import partial

import anyio
import msgspec
from msgspec import Struct, structs

from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.edges.scheduler.dask_client import open_scheduler
from masivo_stream.edges.workers.pool import cores
from masivo_stream.flow.remote_files import ObjectStorage
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import RetrySettings, Settings
from masivo_stream.model.tasks import Task
from masivo_stream.prepare.engine.run import ShowStep, StepProgress
from masivo_stream.prepare.parts.find_shares import ShareCommand, count_shares, find_shares
from masivo_stream.prepare.parts.make_share import ShareRequest, make_share, request_shares

_FEWEST, _MOST = 2, 6
"""Each share reads all tables: with more of them, there is little left to divide."""


class SharesToMake(Struct, frozen=True):
    """What is prepared, and where shares are."""

    mapping: str
    parts: str
    settings: Settings


def make_missing_shares(asked: SharesToMake, show: ShowStep) -> None:
    """Make the shares that are not in the directory of parts. If all are, no scheduler is needed.

    Raises:
        ConfigurationError: the mapping is wrong; the scheduler must not be used, or runs other versions.
        InputError: a source cannot be read.
        StorageError: a share cannot be written.
        WorkerError: the scheduler or its workers were lost. The shares that are complete are kept.
    """
    (first,) = request_shares(asked.mapping, asked.parts, 1, ObjectStorage(asked.settings.retry))
    request = msgspec.msgpack.decode(first, type=ShareRequest)
    try:
        find_shares(ShareCommand(shown_url(asked.mapping), asked.parts), request.identity)
    except ConfigurationError:  # some are not there
        anyio.run(partial(_make, asked, request, show))


async def _make(asked: SharesToMake, request: ShareRequest, show: ShowStep) -> None:
    settings = asked.settings
    async with open_scheduler(settings.scheduler, local_workers=settings.upload.workers or cores()) as scheduler:
        of = count_shares(asked.parts, request.identity) or min(_MOST, max(_FEWEST, scheduler.threads))
        tasks = (
            Task(
                f"part {number} of {of}", number, msgspec.msgpack.encode(structs.replace(request, number=number, of=of))
            )
            for number in range(1, of + 1)
        )
        async with aclosing(scheduler.compute(tasks, make_share_on_worker)) as answers:
            made = 0
            async for task, _ in answers:
                made += 1
                show(StepProgress(f"{task.name} is there", made / (of + 1)))


def make_share_on_worker(request: bytes) -> bytes:
    """Make a share as `make_share` does, also of sources in object storage."""
    return make_share(request, ObjectStorage(RetrySettings()))
