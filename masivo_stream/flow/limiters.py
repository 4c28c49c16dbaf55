"""The rate limiters of one account, and the claim on its exports: what processes on this machine share.

Two runs that send to one account share its quota through a file in `shared_dir`. Two runs that read the same export are
kept apart there, because they would send every record twice.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.edges.account import name_quota
from masivo_stream.edges.export.source import STDIN
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.shared_dir.claims import claim
from masivo_stream.edges.shared_dir.quota import QuotaFile, open_quota
from masivo_stream.flow.identity.account_binding import identify_account
from masivo_stream.flow.identity.remembered import find_shared_dir
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.rate_limit import LimitScope, QuotaClient, QuotaPort, RateLimiter
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.notices import AccountShared, AccountUnguarded
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings


class RateLimiters(Struct, frozen=True):
    """The limiters through which all requests of one command leave."""

    kinds: dict[Kind, RateLimiter]
    """For batches, by kind."""
    revert: RateLimiter
    """For the call that takes a migration back."""
    general: RateLimiter
    """For all other calls: tokens and reading back."""

    @property
    def limited(self) -> bool:
        """Whether batches have to wait for slots."""
        return any(scope.pacer.limited for limiter in self.kinds.values() for scope in limiter.scopes)


def find_account(settings: Settings, credentials: Credentials) -> tuple[Path, str]:
    """Return the directory that the runs on this machine share, and the account's name there."""
    return find_shared_dir(settings), name_quota(identify_account(settings, credentials))


def quota_path(shared: Path, account: str) -> Path:
    """Return the path of the file that holds an account's quota."""
    return shared / f"{account}.quota.db"


@contextmanager
def open_limiters(
    settings: Settings, credentials: Credentials, exports: Iterable[str], observer: Observer, clock: Clock
) -> Iterator[RateLimiters]:
    """Claim `exports` for this process, and yield limiters that share the account's quota with other processes.

    Raises:
        ConfigurationError: another run is sending one of the exports to this account.
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
    """Return the limiters that the settings ask for.

    Args:
        settings: `limits` counts.
        clock: paces the requests.
        quota: the account's quota, if other processes share it.
        lost: called when `quota` fails; from then on the limiters work without it.
        observer: receives notices of waits, and of what is used of the windows.
    """
    limits, ledger = settings.limits, QuotaClient(quota, lost)
    general = LimitScope("general", Pacer(limits.general_limit))

    def limiter(*scopes: LimitScope) -> RateLimiter:
        return RateLimiter((*scopes, general), clock, ledger, longest_hold=limits.longest_hold, observer=observer)

    if limits.scope == "account":
        migration = limiter(LimitScope("migration", Pacer(limits.limit)))
        return RateLimiters(dict.fromkeys(Kind, migration), migration, limiter())
    of_kind = {kind: limiter(LimitScope(f"migration/{kind}", Pacer(limits.limit))) for kind in Kind}
    return RateLimiters(of_kind, limiter(LimitScope("migration/revert", Pacer(limits.limit))), limiter())
