"""What every command over a state directory opens and checks first, once: the session.

`open_session` checks the key, locks the state directory, opens the journal and checks that its run belongs to the
account. Two more things are opened when a command needs them, because not every command does: `connect` claims the
exports, opens the rate limiters and the client, and proves the account; `guard_sends` opens the memory of what this
machine has sent. All of it closes when `open_session` ends, the last opened first.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

from masivo_stream.edges.config import is_loopback
from masivo_stream.edges.files.state_dir import StateDir, own_state_dir
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import ApiConnection, Client, PacedReader, Proxies, open_connection
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations
from masivo_stream.flow.identity.known_exports import read_moved
from masivo_stream.flow.identity.remembered import withdraw
from masivo_stream.flow.identity.send_once import SendOnce, open_send_once
from masivo_stream.flow.identity.sent_purchases import PurchaseGuard
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.protocols import JournalPort
from masivo_stream.flow.rate_limit import RateLimiters
from masivo_stream.flow.revert_state import leave_reverted
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.attempt import Attempt
from masivo_stream.model.contract import is_sandbox_key
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.notices import PurchasesUnguarded
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings


class Session:
    """What one command works with while it has a state directory. Get it from `open_session`.

    `client`, `limiters` and `reader` are there after `connect`.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateDir,
        journal: Journal,
        *,
        binding: AccountBinding,
        observer: Observer,
        runtime: Runtime,
    ) -> None:
        """Work on an open state directory and its journal; `binding` has checked the journal's account."""
        self.settings, self.state, self.journal, self.binding = settings, state, journal, binding
        self.observer, self.runtime = observer, runtime
        self.clock = runtime.clock
        self.proxies = Proxies(settings.api, observer)
        self.moved = read_moved(binding.confirmations.moved)
        self.connection: ApiConnection | None = None
        self.send_once: SendOnce | None = None
        self._purchases: PurchaseGuard | None = None
        self._purchases_lost = False
        self._listener: Callable[[Attempt], None] = _hear_nothing
        self._opened = AsyncExitStack()

    @property
    def client(self) -> Client:
        """Sends requests."""
        return self._connected.client

    @property
    def limiters(self) -> RateLimiters:
        """Let requests leave in the account's time."""
        return self._connected.limiters

    @property
    def reader(self) -> PacedReader:
        """Reads customers and transactions back, through the general limiter."""
        return self._connected.reader

    @property
    def api(self) -> ApiConnection:
        """The client and the limiters together."""
        return self._connected

    @property
    def _connected(self) -> ApiConnection:
        if self.connection is None:
            raise RuntimeError("connect first")
        return self.connection

    @property
    def sending_journal(self) -> JournalPort:
        """The journal for the code that sends batches. After `guard_sends` it also notes what the account has."""
        return self.journal if self.send_once is None else self.send_once.noting(self.journal)

    def guard_sends(self) -> SendOnce:
        """Open what this machine remembers of sent exports; the same guard at every call."""
        if self.send_once is None:
            guard = open_send_once(
                self.settings, self.journal, self.binding, self.state.path, self.observer, self.clock
            )
            self.send_once = self._opened.enter_context(guard)
        return self.send_once

    def guard_purchases(self) -> PurchaseGuard:
        """Return what notes the purchases that this run has sent, and knows those of others; the same at every call."""
        if self._purchases is None:
            self._purchases = PurchaseGuard(
                self.settings, self.journal.read, self.binding, self.state.path, self._lose_purchases
            )
            self._opened.callback(self._purchases.close)
        return self._purchases

    def _lose_purchases(self, why: str) -> None:
        if not self._purchases_lost:
            self._purchases_lost = True
            self.observer.notify(PurchasesUnguarded(why=why))

    async def connect(self, exports: Iterable[str] = ()) -> None:
        """Claim the exports at these paths, open the limiters and the client, and prove that the account is the run's.

        A second call does nothing.

        Raises:
            ConfigurationError: another run sends one of the exports, or the run belongs to another account.
            OutageError: no token came, and only a token can prove the account.
        """
        if self.connection is None:
            opening = open_connection(self.settings, self.binding, exports, observer=self.observer, note=self._note)
            connection = await self._opened.enter_async_context(opening)
            await self.binding.prove(connection.client)
            self.connection = connection

    def _note(self, attempt: Attempt) -> None:
        self.proxies.note(attempt)
        self._listener(attempt)

    @contextmanager
    def listening(self, hear: Callable[[Attempt], None]) -> Iterator[None]:
        """Let `hear` receive every attempt meanwhile."""
        self._listener = hear
        try:
            yield
        finally:
            self._listener = _hear_nothing

    async def aclose(self) -> None:
        """Close what was opened on the way, the last first."""
        await self._opened.aclose()


@asynccontextmanager
async def open_session(
    settings: Settings,
    credentials: Credentials,
    *,
    needed_by: str = "",
    keep_reverted: bool = False,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Session]:
    """Lock the state directory and open its run, for one command.

    Args:
        settings: see `load_settings`.
        credentials: see `load_credentials`.
        needed_by: the operation that needs a run to be there already; empty if a run may begin here.
        keep_reverted: keep a run that a revert took back, for the command that sends it again. Without it, that run
            is put aside, and the state directory starts over.
        confirmations: what a person has confirmed about accounts and exports.
        observer: receives notices.
        runtime: where time and chance come from.

    Raises:
        ConfigurationError: the state directory cannot be used, belongs to another account, holds no run although
            `needed_by` needs one, or holds one of which a revert was begun and has not ended.
        StorageError: the state directory cannot be written.
    """
    check_key(settings, credentials)
    runtime, observers = runtime or Runtime(), Observers([observer] if observer else [])
    binding = AccountBinding(settings, credentials, runtime.clock, confirmations)
    if needed_by:
        _check_known(settings, needed_by)
    with own_state_dir(settings.state.state_dir) as state:
        state.check_journal()
        if not keep_reverted:
            leave_reverted(state, runtime.clock, lambda journal: withdraw(settings, journal))
        with closing(_open_journal(settings, state, runtime.clock)) as journal:
            binding.enter(journal)
            session = Session(settings, state, journal, binding=binding, observer=observers, runtime=runtime)
            try:
                yield session
            finally:
                await session.aclose()


def _hear_nothing(_attempt: Attempt) -> None:
    """Take in an attempt that no one listens for."""


def _open_journal(settings: Settings, state: StateDir, clock: Clock) -> Journal:
    return open_journal(state.journal, clock.wall, patience=settings.upload.drain_time)


def _check_known(settings: Settings, operation: str) -> None:
    if not (Path(settings.state.state_dir) / StateDir.JOURNAL).exists():
        raise ConfigurationError(
            "there is no run in this state directory",
            operation=operation,
            place=settings.state.state_dir,
            hint="name the migration's --state-dir",
        )


def check_key(settings: Settings, credentials: Credentials) -> None:
    """Check that the sandbox's key is sent only to this machine.

    Raises:
        ConfigurationError: it would be sent elsewhere.
    """
    key = credentials.api_key
    if key is not None and is_sandbox_key(key.reveal()) and not is_loopback(settings.api.base_url):
        raise ConfigurationError(
            "the sandbox's key opens no account on other machines",
            operation="read the secrets",
            place="MASIVO_API_KEY",
            hint="set the account's own key",
        )
