"""Open what a run stands on: its state directory, its journal, its claim on exports and account."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from msgspec import Struct

from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.edges.account import name_quota
from masivo_stream.edges.claims import claim
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.config import is_loopback
from masivo_stream.edges.export.source import STDIN, Input
from masivo_stream.edges.files.state_dir import StateDir, own_state_dir
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.edges.quota import QuotaFile, open_quota
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.identity.account_binding import AccountBinding, identify_account
from masivo_stream.flow.identity.remembered import find_shared_dir, withdraw
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.rate_limit import LimitScope, QuotaClient, QuotaPort, RateLimiter
from masivo_stream.flow.revert_state import leave_reverted
from masivo_stream.model.contract import SANDBOX_API_KEY, Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.notices import AccountShared, AccountUnguarded
from masivo_stream.model.settings import Settings


@contextmanager
def open_run(
    settings: Settings, clock: Clock, belonging: AccountBinding, *, reverted: bool = False
) -> Iterator[tuple[StateDir, Journal]]:
    """Own the state directory and open its journal; a run that was taken back is put aside first.

    `reverted`: it stays, for who sends what was taken back.

    Raises:
        ConfigurationError: it cannot be used, belongs to another account, or a revert of it was begun and not ended.
        StorageError: it cannot be written.
    """
    with own_state_dir(settings.state.state_dir) as state:
        state.check_journal()
        if not reverted:
            leave_reverted(state, clock, lambda journal: withdraw(settings, journal))
        journal = open_journal(state.journal, clock.wall, sleep=clock.sleep, patience=settings.upload.drain_time)
        with closing(journal):
            belonging.enter(journal)
            yield state, journal


@contextmanager
def open_known_run(
    settings: Settings, clock: Clock, operation: str, belonging: AccountBinding
) -> Iterator[tuple[StateDir, Journal]]:
    """Open a run that is there already.

    Raises:
        ConfigurationError: there is none, or as `open_run` says.
        StorageError: it cannot be written.
    """
    if not (Path(settings.state.state_dir) / StateDir.JOURNAL).exists():
        raise ConfigurationError(
            "no run stands here",
            operation=operation,
            place=settings.state.state_dir,
            hint="name the migration's --state-dir",
        )
    with open_run(settings, clock, belonging) as opened:
        yield opened


class RateLimiters(Struct, frozen=True):
    """Through which all requests of a run leave."""

    kinds: dict[Kind, RateLimiter]
    """For batches."""
    revert: RateLimiter
    """For taking a migration back."""
    general: RateLimiter
    """For all other calls: tokens, reading back."""

    @property
    def limited(self) -> bool:
        """Whether batches have to wait for slots."""
        return any(scope.pacer.limited for limiter in self.kinds.values() for scope in limiter.scopes)


def find_account(settings: Settings, credentials: Credentials) -> tuple[Path, str]:
    """Return where runs on this machine meet, and what they call the account there."""
    return find_shared_dir(settings), name_quota(identify_account(settings, credentials))


def quota_path(shared: Path, account: str) -> Path:
    """Return where an account's quota is kept."""
    return shared / f"{account}.quota.db"


@contextmanager
def open_limiters(
    settings: Settings, credentials: Credentials, exports: Iterable[str], observer: Observer, clock: Clock
) -> Iterator[RateLimiters]:
    """Keep other runs on this machine from sending the same exports to the same account; share its quota with them.

    Raises:
        ConfigurationError: another run is at it.
    """
    shared, account = find_account(settings, credentials)
    files = [path for path in exports if path != STDIN]
    quota: QuotaFile | None = None

    def lost(error: OSError | StorageError) -> None:
        why = error.strerror if isinstance(error, OSError) else str(error)
        observer.notify(AccountUnguarded(shared_dir=str(shared), why=why or str(error)))

    with ExitStack() as claims:
        try:
            others = claims.enter_context(claim(shared, account, files, state_dir=settings.state.state_dir))
            quota = open_quota(quota_path(shared, account), clock)
            claims.callback(quota.close)
        except (OSError, StorageError) as error:
            lost(error)
        else:
            if others:
                observer.notify(AccountShared())
        yield make_limiters(settings, clock, quota, lost, observer)


def make_limiters(
    settings: Settings,
    clock: Clock,
    quota: QuotaPort | None = None,
    lost: Callable[[StorageError], None] = lambda _: None,
    observer: Observer | None = None,
) -> RateLimiters:
    """Return the gates the settings ask for; `lost` is told when `quota` fails, `observer` what happens at them."""
    limits, ledger = settings.limits, QuotaClient(quota, lost)
    general = LimitScope("general", Pacer(limits.general_limit))

    def limiter(*scopes: LimitScope) -> RateLimiter:
        return RateLimiter((*scopes, general), clock, ledger, longest_hold=limits.longest_hold, observer=observer)

    if limits.scope == "account":
        migration = limiter(LimitScope("migration", Pacer(limits.limit)))
        return RateLimiters(dict.fromkeys(Kind, migration), migration, limiter())
    of_kind = {kind: limiter(LimitScope(f"migration/{kind}", Pacer(limits.limit))) for kind in Kind}
    return RateLimiters(of_kind, limiter(LimitScope("migration/revert", Pacer(limits.limit))), limiter())


def check_key(settings: Settings, credentials: Credentials) -> None:
    """Check that the sandbox's key stays on this machine.

    Raises:
        ConfigurationError: it would not.
    """
    key = credentials.api_key
    if key is not None and key.reveal() == SANDBOX_API_KEY and not is_loopback(settings.api.base_url):
        raise ConfigurationError(
            "the sandbox's key opens no account elsewhere",
            operation="read the secrets",
            place="MASIVO_API_KEY",
            hint="set the account's own key",
        )


def check_inputs(inputs: Mapping[Kind, list[Input]]) -> None:
    """Check that there is something to read, and standard input at most once.

    Raises:
        ConfigurationError: it is not so.
    """
    if not inputs:
        raise ConfigurationError(
            "there is nothing to read",
            operation="read the command",
            hint="name exports with --customers, --events or --transactions",
        )
    if sum(source.path == STDIN for found in inputs.values() for source in found) > 1:
        raise ConfigurationError(
            "standard input is named twice", operation="read the command", hint="only one export can come that way"
        )
