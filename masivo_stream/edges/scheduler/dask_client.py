"""The client of a Dask scheduler: the only module that knows Dask's own client.

Tasks are handed out one by one, a few more than there are threads, so that memory stays flat on all sides. A result is
fetched as soon as it is there, and released. Results come by way of the scheduler: workers need not be reachable.
"""

import asyncio
import logging
import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NoReturn

import anyio
import msgspec

from masivo_stream.core.hand_out import GivenUp, Handed, HandOut
from masivo_stream.edges.scheduler.address import LOCAL, check_address
from masivo_stream.edges.scheduler.installed import PACKAGES, installed, without_source
from masivo_stream.edges.scheduler.local_cluster import open_cluster
from masivo_stream.edges.scheduler.run_task import Function, run_task
from masivo_stream.edges.scheduler.task_errors import (
    all_hang,
    explain_failure,
    explain_given_up,
    name_differences,
    no_workers,
    not_reached,
    scheduler_lost,
)
from masivo_stream.model.errors import ConfigurationError, WorkerError
from masivo_stream.model.settings import SchedulerSettings
from masivo_stream.model.tasks import (
    Answered,
    ClusterAccess,
    Differs,
    Installed,
    Loss,
    NotBegun,
    Task,
    TaskFailed,
    TaskResult,
)

INSTALL = "pip install 'masivo-stream[dask]'"
PER_THREAD = 2
"""Tasks under way for each thread of the workers: one at work, one that waits for it."""
_RETRIES = 2
"""How often Dask itself repeats a task whose worker could not even begin it."""
_POLL = 1.0
"""Seconds between two looks at the workers."""
_TaskEnd = TaskResult | NotBegun | Loss
"""What a worker sends back for a task, or why it sends nothing."""
_Running = dict["asyncio.Task[_TaskEnd]", tuple[Handed, list[str]]]
"""What is under way, and the only workers that may do it; no workers: all may."""
_TLS_VARIABLES = {
    "tls_ca_file": "DASK_DISTRIBUTED__COMM__TLS__CA_FILE",
    "tls_client_cert": "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT",
    "tls_client_key": "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY",
}


@asynccontextmanager
async def open_scheduler(settings: SchedulerSettings, *, local_workers: int) -> "AsyncIterator[DaskScheduler]":
    """Connect to the scheduler of the settings; `local` starts one here, with `local_workers` workers.

    Raises:
        ConfigurationError: the extra is not installed; the address must not be used; certificates are missing; the
            scheduler or a worker runs other versions.
        WorkerError: the scheduler cannot be reached, or has no workers.
    """
    _import_dask()
    if settings.scheduler == LOCAL:
        async with open_cluster(local_workers) as access, _connect(access, LOCAL, settings) as found:
            yield found
    else:
        address = check_address(settings.scheduler)
        async with _connect(ClusterAccess(address), settings.scheduler, settings) as found:
            yield found


def _import_dask() -> Any:  # noqa: ANN401 - the library has no types
    """Return the library. Its log is silenced: what matters of it becomes an error of ours.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import cryptography  # noqa: F401, PLC0415 - `local` needs it, in another process
        import distributed  # noqa: PLC0415 - an extra, which takes half a second to import
    except ImportError as error:
        raise ConfigurationError(
            "a scheduler needs Dask, which is not installed", operation="open the scheduler", hint=INSTALL
        ) from error
    for name in ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
        logger.setLevel(logging.CRITICAL)
    return distributed


@asynccontextmanager
async def _connect(access: ClusterAccess, place: str, settings: SchedulerSettings) -> "AsyncIterator[DaskScheduler]":
    distributed = _import_dask()
    client = distributed.Client(
        access.address,
        security=_security(access, place),
        asynchronous=True,
        timeout=settings.scheduler_timeout,
        direct_to_workers=False,
        set_as_default=False,
    )
    with warnings.catch_warnings():  # Dask's own warning of versions: we compare more of them, and refuse
        warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)
        try:
            await client
        except (OSError, TimeoutError) as error:
            raise not_reached(place, settings.scheduler_timeout) from error
    scheduler = DaskScheduler(client, place, settings)
    try:
        await scheduler.check()
        yield scheduler
    finally:
        with anyio.CancelScope(shield=True), suppress(OSError, TimeoutError):
            await client.close()


def _security(access: ClusterAccess, place: str) -> Any:  # noqa: ANN401 - the library has no types
    """Return the certificates of a connection: those of `access`, or those that Dask is configured with."""
    from distributed.security import Security  # noqa: PLC0415 - as above

    if access.address.startswith("tcp:"):
        return Security(require_encryption=False)
    if access.ca:
        return Security(
            require_encryption=True, tls_ca_file=access.ca, tls_client_cert=access.cert, tls_client_key=access.key
        )
    found = Security(require_encryption=True)
    missing = [variable for field, variable in _TLS_VARIABLES.items() if not getattr(found, field)]
    if missing:
        raise ConfigurationError(
            "the certificates for the scheduler are not configured",
            operation="open the scheduler",
            place=place,
            hint=f"set {', '.join(missing)} to the paths of PEM files, or the same in Dask's configuration file",
        )
    return found


class DaskScheduler:
    """Hands tasks out to the workers of a scheduler. Open it with `open_scheduler`."""

    def __init__(self, client: Any, place: str, settings: SchedulerSettings) -> None:  # noqa: ANN401 - no types
        """Use `client`, whose scheduler is named `place` in messages."""
        self._client = client
        self._place = place
        self._settings = settings
        self._threads: dict[str, int] = {}
        """How many threads each worker has, by address."""
        self._seen = time.monotonic()
        """When there was a worker last."""
        self._topic = f"masivo-stream-{client.id}"
        self.again = 0
        """How many tasks were handed out again."""

    @property
    def threads(self) -> int:
        """How many threads all workers have."""
        return sum(self._threads.values())

    async def check(self) -> None:
        """Wait for a worker, and compare the versions of the scheduler and its workers with ours.

        Raises:
            ConfigurationError: one of them runs other versions.
            WorkerError: the scheduler is lost, or has no workers.
        """
        await self._look()
        while not self._threads:
            await anyio.sleep(_POLL / 4)
            await self._look()
        await self._compare(begun=False)

    async def compute(self, tasks: Iterator[Task], function: Function) -> AsyncGenerator[tuple[Task, bytes]]:
        """Yield the answers of `function` to all tasks, as they come.

        Close the iterator if you leave it early: it takes back what is under way.

        Raises:
            WorkerError: a task was lost too often, or the scheduler or all workers are; answers so far are right.
            ConfigurationError: before the first answer, a worker shows that it runs other versions.
            MasivoStreamError: what `function` raised, on each worker that tried.
        """
        board = HandOut(tasks, task_timeout=self._settings.task_timeout)
        running: _Running = {}
        self._client.subscribe_topic(self._topic, lambda event: _note_begin(board, event[1]))
        answers = 0
        try:
            while True:
                self._hand_out(board, function, running)
                if not running:
                    return
                done, _ = await asyncio.wait(running, timeout=_POLL, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    (handed, _), result = running.pop(one), one.result()
                    if isinstance(result, Answered):
                        if board.answered(handed.ticket):
                            answers += 1
                            yield handed.task, result.answer
                    else:
                        await self._note_loss(board, handed, result, begun=answers > 0)
                await self._look()
                board.keep_workers(self._threads)
                self._take_back_stranded(board, running)
                self._take_back_overdue(board, running)
        finally:
            await _cancel(running)

    def _hand_out(self, board: HandOut, function: Function, running: _Running) -> None:
        """Hand out as many tasks as fit the workers."""
        usable = {address: count for address, count in self._threads.items() if address not in board.avoid}
        if self._threads and not usable and board.under_way == 0:
            raise all_hang(self._place, self._settings.task_timeout)
        while (handed := board.next(PER_THREAD * max(1, sum(usable.values())))) is not None:
            only = sorted(usable) if handed.avoid else []
            running[asyncio.create_task(self._do(handed, function, only))] = handed, only

    async def _do(self, handed: Handed, function: Function, only: list[str]) -> _TaskEnd:
        """Have one task done, by one of `only` these workers. Returns what is sent back, or why nothing comes."""
        distributed = _import_dask()
        future = self._client.submit(
            run_task,
            function,
            handed.task.request,
            installed().versions,
            self._topic,
            handed.ticket,
            pure=False,
            retries=_RETRIES,
            workers=only or None,
            key=f"masivo-stream-{self._client.id}-{handed.ticket}",
        )
        try:
            result: TaskResult = msgspec.msgpack.decode(await future, type=TaskResult)
        except distributed.client.FutureCancelledError:
            return Loss.KILLED
        except distributed.scheduler.KilledWorker:
            return Loss.KILLED
        except (OSError, TimeoutError):  # the result is lost with the worker or the scheduler that had it
            return Loss.KILLED
        except Exception as error:  # noqa: BLE001 - what a worker raises that cannot begin, such as without our code
            return NotBegun(type(error).__name__)
        else:
            return result
        finally:
            future.release()  # also cancels what is under way, because no other client wants it

    async def _note_loss(
        self, board: HandOut, handed: Handed, result: Differs | TaskFailed | NotBegun | Loss, *, begun: bool
    ) -> None:
        """Hand a task out again.

        Raises:
            MasivoStreamError: this is of no use.
        """
        if isinstance(result, Differs):
            self._refuse("a worker", installed().differences(result.installed), begun=begun)
        if isinstance(result, NotBegun):
            await self._compare(begun=begun)
        self._check_connection()
        self._give_up(board.lost(handed.ticket, result if isinstance(result, Loss) else Loss.FAILED), result)

    def _give_up(self, given_up: GivenUp | None, result: TaskFailed | NotBegun | Loss) -> None:
        if given_up is None:
            self.again += 1
        elif isinstance(result, TaskFailed | NotBegun):
            raise explain_failure(given_up, result, self._place)
        else:
            raise explain_given_up(given_up, self._place, self._settings.task_timeout)

    async def _compare(self, *, begun: bool) -> None:
        """Compare the versions of the scheduler and its workers with ours."""
        found = await self._ask(self._client.get_versions(packages=PACKAGES))
        here = without_source(installed())
        for who, there in (("the scheduler", found["scheduler"]), *found["workers"].items()):
            if differences := here.differences(_installed_there(there)):
                self._refuse(who, differences, begun=begun)

    def _refuse(self, who: str, differences: list[tuple[str, str, str]], *, begun: bool) -> NoReturn:
        error = WorkerError if begun else ConfigurationError
        raise error(**name_differences(who, differences, self._place))

    def _take_back_stranded(self, board: HandOut, running: _Running) -> None:
        """Hand out again what only workers may do that are all gone: the scheduler would wait for them."""
        for one, (handed, only) in [*running.items()]:
            if only and not self._threads.keys() & set(only) and not one.done():
                one.cancel()
                del running[one]
                self._give_up(board.lost(handed.ticket, Loss.KILLED), Loss.KILLED)

    def _take_back_overdue(self, board: HandOut, running: _Running) -> None:
        """Hand out elsewhere what hangs, and what may wait behind it."""
        overdue = board.overdue(time.monotonic())
        if not overdue:
            return
        waiting = board.not_begun()
        for one, (handed, _) in [*running.items()]:
            if handed.ticket in {*overdue, *waiting}:
                one.cancel()
                del running[one]
        for ticket in waiting:
            board.take_back(ticket)
        for ticket in overdue:
            self._give_up(board.lost(ticket, Loss.SLOW), Loss.SLOW)

    async def _look(self) -> None:
        """Find out which workers there are.

        Raises:
            WorkerError: the scheduler is lost, or has had no worker for too long.
        """
        self._check_connection()
        self._threads = dict(await self._ask(self._client.scheduler.ncores()))
        now = time.monotonic()
        if self._threads:
            self._seen = now
        elif now - self._seen > self._settings.scheduler_timeout:
            raise no_workers(self._place, self._settings.scheduler_timeout)

    async def _ask(self, question: Any) -> Any:  # noqa: ANN401 - no types
        """Return an answer of the scheduler.

        Raises:
            WorkerError: it does not answer.
        """
        try:
            async with asyncio.timeout(self._settings.scheduler_timeout):
                return await question
        except (OSError, TimeoutError) as error:
            raise scheduler_lost(self._place) from error

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise scheduler_lost(self._place)


def _note_begin(board: HandOut, message: dict[str, Any]) -> None:
    board.begun(message["ticket"], message["worker"], time.monotonic())


async def _cancel(running: _Running) -> None:
    """End what is under way."""
    for one in running:
        one.cancel()
    with anyio.CancelScope(shield=True):
        await asyncio.gather(*running, return_exceptions=True)


def _installed_there(there: dict[str, Any] | None) -> Installed:
    """Return the versions in Dask's own answer. A worker that is lost meanwhile has none."""
    if there is None:
        return without_source(installed())
    packages = there["packages"]
    python = ".".join(str(packages["python"]).split(".")[:2])
    return Installed({"python": python, **{name: packages[name] or "none" for name in PACKAGES}})
