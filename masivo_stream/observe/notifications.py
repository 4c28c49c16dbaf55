"""Send notifications beside a run: they can neither stop nor delay it.

Each receiver has a task and a bounded queue of its own. A notice only puts a document into the queues. When the run has
ended, the process waits for what is left, at most `LAST_SECONDS`.
"""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from msgspec import UNSET, Struct, UnsetType

from masivo_stream import __version__
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.notify import CommandReceiver, NotTaken, Receiver, UrlReceiver, split_command, trusting
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.fleet import AccountResult, FleetResult
from masivo_stream.model.notices import (
    AccountKnown,
    KindEnded,
    Notice,
    NotifyFailed,
    Progressed,
    RunEnded,
    RunStarted,
)
from masivo_stream.model.notification import EndedAccount, KindFigures, Notification
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import NotifySettings
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.observe.attention import AttentionWatch, Occasion, reason_of
from masivo_stream.observe.attention_words import words_for

TRIES, FIRST_PAUSE = 3, 1.0
"""Tries per document, and the seconds before the second one; doubled before the third one."""

MOST_WAITING = 16
"""Documents that wait for a receiver; if there are more, the oldest is given up."""

LAST_SECONDS = 10.0
"""How long the end of the process waits for receivers."""


_DOUBT = Occasion("attention", "in_doubt")


class Outbox:
    """What waits for one receiver."""

    def __init__(self, receiver: Receiver, report_failure: Callable[[str, str], None], clock: Clock) -> None:
        """Deliver to `receiver`; call `report_failure` with its name and the cause if it does not take a document."""
        self._receiver, self._report_failure, self._clock = receiver, report_failure, clock
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._more, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()

    def put(self, body: bytes) -> None:
        """Deliver a document soon."""
        if len(self._waiting) == MOST_WAITING:
            self._report_failure(self._receiver.name, "it takes too long, and more waits for it than is kept")
        self._waiting.append(body)
        self._idle.clear()
        self._more.set()

    async def run(self) -> None:
        """Deliver. Never returns: cancel it."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._deliver(self._waiting.popleft())
            self._idle.set()

    async def _deliver(self, body: bytes) -> None:
        pause = FIRST_PAUSE
        for number in range(TRIES):
            try:
                refusal = await self._receiver.take(body)
            except Exception as error:  # noqa: BLE001 - a bug beside the run must not end it, nor later notifications
                refusal = NotTaken(f"a bug: {type(error).__name__}", again=False)
            if refusal is None:
                return
            if not refusal.again or number == TRIES - 1:
                self._report_failure(self._receiver.name, refusal.why)
                return
            await self._clock.sleep(pause)
            pause *= 2

    async def end(self, seconds: float) -> None:
        """Wait until all is delivered, at most some seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            self._report_failure(self._receiver.name, "it had not taken it when the process ended")


def receivers_of(settings: NotifySettings, ca_file: str = "") -> list[Receiver]:
    """Return the receivers that the settings name; the authorities of `ca_file` are trusted beside the system's."""
    found: list[Receiver] = []
    if settings.notify:
        found.append(UrlReceiver(settings.notify, tls=trusting(ca_file) if ca_file else True))
    if settings.notify_command:
        found.append(CommandReceiver(split_command(settings.notify_command)))
    return found


class FleetPlace(Struct, frozen=True, kw_only=True):
    """Of which account of which fleet notifications are; empty if there is no fleet."""

    fleet: str | UnsetType = UNSET
    account_name: str | UnsetType = UNSET
    passes: Callable[[Occasion], bool] = lambda _occasion: True
    """Returns whether an occasion of this account is one for the whole fleet, or another account has reported it."""


class Notifications:
    """An observer of one run that sends notifications while `sending` lasts."""

    def __init__(
        self,
        settings: NotifySettings,
        state_dir: str,
        snapshot: Callable[[], RunSnapshot],
        *,
        receivers: Sequence[Receiver] | None = None,
        clock: Clock | None = None,
        patience: float = LAST_SECONDS,
        place: FleetPlace | None = None,
    ) -> None:
        """Send about the run of `state_dir` to what `settings` name; `snapshot` returns its figures meanwhile.

        At the end, wait for receivers for at most `patience` seconds.
        """
        self._patience, self._place = patience, place or FleetPlace()
        self._receivers = receivers_of(settings) if receivers is None else receivers
        self._state_dir, self._snapshot, self._clock = state_dir, snapshot, clock or SystemClock()
        self._watch = AttentionWatch(notify_after=settings.notify_after)
        self._outboxes: list[Outbox] = []
        self._target = self._account = ""
        self._doubted = False
        """Whether records are in doubt of which nothing was sent yet: the figures do not show them at once."""
        self._log: Callable[[Notice], None] = lambda _notice: None

    @asynccontextmanager
    async def sending(self, log: Callable[[Notice], None]) -> AsyncIterator[None]:
        """Deliver meanwhile; `log` gets a notice of each failure. What is left at the end gets a few seconds more."""
        self._log = log
        self._outboxes = [Outbox(each, self._report_failure, self._clock) for each in self._receivers]
        tasks = [asyncio.create_task(outbox.run()) for outbox in self._outboxes]
        try:
            try:
                yield
            except MasivoStreamError as error:
                self.stopped(int(error.exit_code), str(error), error.hint)
                raise
            finally:
                await self.finish()
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        match notice:
            case RunStarted(target=target, account=account):
                self._target, self._account = target, account or self._account
            case AccountKnown(account=account):
                self._account = account
            case RunEnded():
                self._send_doubt()
            case _:
                pass
        for occasion in filter(self._place.passes, self._watch.feed(notice, self._clock.now())):
            if occasion == _DOUBT:
                self._doubted = True
            elif isinstance(notice, RunEnded):
                self._put(self._describe_end(occasion, notice.summary))
            else:
                self._put(self._describe(occasion, notice))
        if isinstance(notice, Progressed | KindEnded) and notice.figures.in_doubt:
            self._send_doubt()

    def _send_doubt(self) -> None:
        """Send that records are in doubt, if that was held back, with the figures that show them."""
        if self._doubted:
            self._doubted = False
            self._put(self._describe(_DOUBT))

    async def finish(self) -> None:
        """Wait for what is left. A second call does nothing."""
        self._send_doubt()
        outboxes, self._outboxes = self._outboxes, []
        await asyncio.gather(*(outbox.end(self._patience) for outbox in outboxes))

    def stopped(self, exit_code: int, message: str, hint: str) -> None:
        """Report that the command has ended with an error, and without a summary."""
        self._send_doubt()
        occasion = Occasion("stopped", reason_of(exit_code))
        self._place.passes(occasion)
        document = self._document(occasion)
        self._put(msgspec.structs.replace(document, exit_code=exit_code, message=message, hint=hint))

    def fleet_ended(self, found: FleetResult, command: str) -> None:
        """Report that all accounts of a fleet have ended; `command` shows what to do."""
        summaries = [each.summary for each in found.accounts if not isinstance(each.summary, UnsetType)]
        document = self._document(Occasion("fleet_ended", reason_of(found.exit_code)))
        accounts = tuple(
            EndedAccount(account_name=each.name, exit_code=each.exit_code, message=_message(each))
            for each in found.accounts
        )
        kinds = {kind: _sums(each.kinds.get(kind) for each in summaries) for kind in [each.value for each in Kind]}
        kinds = {kind: figures for kind, figures in kinds.items() if figures.read}
        self._put(
            msgspec.structs.replace(
                document, exit_code=found.exit_code, command=command, accounts=accounts, kinds=kinds
            )
        )

    def _describe(self, occasion: Occasion, notice: Notice | None = None) -> Notification:
        snapshot = self._snapshot()
        words = words_for(occasion, notice, snapshot)
        return msgspec.structs.replace(
            self._document(occasion),
            message=words.message,
            hint=words.hint,
            command=words.command,
            kinds={phase.kind.value: _figures(phase.figures) for phase in snapshot.phases},
        )

    def _describe_end(self, occasion: Occasion, summary: Summary) -> Notification:
        document = self._document(occasion)
        return msgspec.structs.replace(
            document,
            exit_code=summary.exit_code,
            message=summary.message,
            hint=summary.hint,
            command=next((step.command for step in summary.next_steps if step.command), ""),
            kinds={kind: _figures(figures) for kind, figures in summary.kinds.items()},
            target=summary.target or document.target,
            account=summary.account or document.account,
        )

    def _document(self, occasion: Occasion) -> Notification:
        return Notification(
            event=occasion.event,
            reason=occasion.reason,
            at=self._clock.wall().isoformat(timespec="seconds").replace("+00:00", "Z"),
            state_dir=self._state_dir,
            host=socket.gethostname(),
            version=__version__,
            target=self._target,
            account=self._account,
            exit_code=UNSET,
            fleet=self._place.fleet,
            account_name=self._place.account_name,
        )

    def _put(self, document: Notification) -> None:
        try:
            body = msgspec.json.encode(document)
        except UnicodeEncodeError:  # a directory's name has bytes that are not UTF-8
            body = msgspec.json.encode(_escaped(msgspec.to_builtins(document)))
        for outbox in self._outboxes:
            outbox.put(body)

    def _report_failure(self, to: str, why: str) -> None:
        self._log(NotifyFailed(to=to, why=why))


def _escaped(value: object) -> object:
    """Return a document in which bytes that are not UTF-8 are escaped."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {name: _escaped(each) for name, each in value.items()}
        case list() | tuple():
            return [_escaped(each) for each in value]
        case _:
            return value


def _figures(figures: KindSummary) -> KindFigures:
    return KindFigures(**{name: getattr(figures, name) for name in KindFigures.__struct_fields__})


def _sums(found: Iterable[KindSummary | None]) -> KindFigures:
    known = [each for each in found if each is not None]
    return KindFigures(**{name: sum(getattr(each, name) for each in known) for name in KindFigures.__struct_fields__})


def _message(account: AccountResult) -> str:
    if not isinstance(account.failure, UnsetType):
        return account.failure.message
    return "" if isinstance(account.summary, UnsetType) else account.summary.message
