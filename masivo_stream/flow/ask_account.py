"""Ask an account what it is and what it has: its limits, rewards and tiers, in a handful of requests."""

import shlex
from datetime import timedelta
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType, structs

from masivo_stream.core.pacing.account_type import find_account_type
from masivo_stream.core.pacing.rate_headers import RateHeaders, read_rate_headers
from masivo_stream.core.redact import mask_url
from masivo_stream.core.sending.answer_body import is_foreign
from masivo_stream.core.sending.backoff import FIRST_THROTTLE_WAIT
from masivo_stream.core.sending.classify import classify
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import ApiConnection, Proxies, open_connection
from masivo_stream.flow.identity.account_binding import AccountBinding
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.quota_left import quota_left, read_account_quota, scopes_left, timetable_from_now
from masivo_stream.flow.read_account import PAUSES, AccountReader, Unreadable
from masivo_stream.flow.session import check_key
from masivo_stream.flow.try_account import AccountTrials, write_moment
from masivo_stream.model import contract
from masivo_stream.model.account import SHOWN
from masivo_stream.model.account_check import AccountType, CheckedAccount, ServerQuota
from masivo_stream.model.attempt import Answer, Attempt, Stop, Throttled
from masivo_stream.model.contract import MOST_IN_ACCOUNT, ReferenceSort
from masivo_stream.model.errors import ConfigurationError, DeniedError, OutageError
from masivo_stream.model.experiments import Trials, TriedAccount
from masivo_stream.model.ports import Clock
from masivo_stream.model.references import Catalogue, CatalogueReward, CatalogueTier
from masivo_stream.model.settings import Settings

_OPERATION = "check the account"
_MOST_PAGES = 11
"""Pages of rewards, if the API gives a hundred at a time: ten, and one that brings nothing new. It is two usually."""
_PAGE = MOST_IN_ACCOUNT[ReferenceSort.REWARD]
_MARGIN = timedelta(minutes=1)
"""The account's clock may differ from this machine's by as much."""


class AskedAccount:
    """One account, asked once."""

    def __init__(self, settings: Settings, credentials: Credentials, observer: Observer, clock: Clock) -> None:
        """Ask the account that `settings` and `credentials` lead to."""
        self._settings, self._credentials, self._observer, self._clock = settings, credentials, observer, clock
        self._proxies = Proxies(settings.api, observer)
        self._requests = 0
        self._answers: list[RateHeaders] = []
        self.tried: TriedAccount | UnsetType = UNSET

    async def ask(self, more: Catalogue, trials: Trials | None = None) -> tuple[CheckedAccount, Catalogue]:
        """Return the account and what it has; `more` adds what the API does not list.

        Then make `trials` in it: `tried` has the answers.

        Raises:
            ConfigurationError: it is not certainly a development account, so no trial was made.
            DeniedError: the key or the token is refused.
            OutageError: no token came.
        """
        settings, credentials = self._settings, self._credentials
        check_key(settings, credentials)
        binding = AccountBinding(settings, credentials, self._clock)
        opening = open_connection(settings, binding, (), observer=self._observer, note=self._note)
        with self._proxies.explaining():
            async with opening as connection:
                asked = CatalogueReader(connection, self._clock)
                found = await asked.read()
                if trials is not None and trials.wanted:
                    self.tried = await self._try(connection, trials)
        named = binding.account
        type_, reason = find_account_type(self._answers)
        last = self._answers[-1] if self._answers else RateHeaders()
        scopes = (settings.limits.limit, settings.limits.general_limit)
        use, unreadable = read_account_quota(settings, credentials, self._clock)
        left = scopes_left(scopes, use, self._clock.now())
        _, timetable = timetable_from_now(settings, self._clock)
        account = CheckedAccount(
            address=named.origin,
            fingerprint=(named.subject or named.owner)[:SHOWN],
            named_by_token=bool(named.subject),
            type=type_,
            type_reason=reason,
            server_quota=ServerQuota(limit=last.limit, remaining=last.remaining, reset_seconds=last.reset),
            quota=quota_left(scopes, left, timetable, known=use is not None, unreadable=unreadable),
            requests=self._requests,
            unread=asked.unread,
        )
        return account, structs.replace(more, rewards=found.rewards, tiers=found.tiers)

    async def _try(self, connection: ApiConnection, trials: Trials) -> TriedAccount:
        """Make trials, and return the answers.

        Raises:
            ConfigurationError: the account is not certainly a development account.
        """
        type_, reason = find_account_type(self._answers)
        if type_ is not AccountType.DEVELOPMENT and not trials.anywhere:
            raise ConfigurationError(
                f"this is not certainly a development account, so nothing was tried: {reason}",
                operation=_OPERATION,
                hint="give --try with the key of a development account; --on-production tries it in any account, and"
                " leaves test customers there",
            )
        before, answers, begun = self._requests, list(self._answers), self._clock.wall()
        made = AccountTrials(connection, self._clock, self._settings.visible)
        found = await made.try_all(trials.wanted)
        last = answers[-1].limit if answers else None  # answers to migrations name other limits
        self._answers = [*answers, *(each for each in self._answers[len(answers) :] if each.limit == last)]
        between = (write_moment(begun - _MARGIN), write_moment(self._clock.wall() + _MARGIN))
        words = ["masivo-stream", "revert", "--from", between[0], "--to", between[1]]
        if self._settings.api.base_url != contract.BASE_URL:
            words += ["--base-url", mask_url(self._settings.api.base_url)]
        return TriedAccount(
            answers=found,
            requests=self._requests - before,
            customers=tuple(made.customers),
            sent_between=between,
            revert=shlex.join(words),
        )

    def _note(self, attempt: Attempt) -> None:
        """Follow an attempt."""
        self._proxies.note(attempt)
        if isinstance(attempt, Answer):
            self._requests += 1
            if not is_foreign(attempt):
                self._answers.append(read_rate_headers(attempt))
        elif attempt.sent:
            self._requests += 1


class _Rewards(Struct):
    data: list[CatalogueReward]


class _Tiers(Struct):
    data: list[CatalogueTier]


RowsT = TypeVar("RowsT", _Rewards, _Tiers)


class CatalogueReader:
    """Reads the catalogue of an account. What cannot be read is noted in `unread`, with the reason."""

    def __init__(self, connection: ApiConnection, clock: Clock) -> None:
        """Read through `connection`."""
        self._connection, self._clock = connection, clock
        self._reader = AccountReader(connection, clock, _OPERATION)
        self.unread: dict[str, str] = {}

    async def read(self) -> Catalogue:
        """Return what the account has, None for what could not be read.

        Raises:
            DeniedError: the key or the token is refused.
            OutageError: no token came.
        """
        await self._prepare()
        tiers = await self._get(ReferenceSort.TIER, contract.TIERS_PATH, _Tiers)
        rewards = await self._rewards()
        return Catalogue(rewards=rewards, tiers=None if tiers is None else tiers.data)

    async def _prepare(self) -> None:
        """Get a token."""
        for pause in (*PAUSES, None):
            token = await self._connection.client.prepare()
            if isinstance(token, str):
                return
            match classify(token):
                case Stop(why=why, hint=hint):
                    raise DeniedError(why, operation=_OPERATION, hint=hint)
                case Throttled(after):
                    self._connection.limiters.general.hold(after or FIRST_THROTTLE_WAIT)
                case _ if pause is not None:
                    await self._clock.sleep(pause)
        why = token.cause if not isinstance(token, Answer | str) else "429: too many requests"
        raise OutageError(
            f"no token came: {why}", operation=_OPERATION, hint="start the check again when the API can be reached"
        )

    async def _rewards(self) -> list[CatalogueReward] | None:
        """Read pages until one brings no reward that is new: how many rewards a page holds is not known."""
        found: dict[str, CatalogueReward] = {}
        for _ in range(_MOST_PAGES):
            start = len(found)
            page = await self._get(ReferenceSort.REWARD, contract.rewards_path(start, start + _PAGE), _Rewards)
            if page is None:
                return None
            found.update({reward.id: reward for reward in page.data})
            if len(found) == start:
                return list(found.values())
        self.unread[ReferenceSort.REWARD] = f"there are more than {len(found):,}"
        return None

    async def _get(self, what: ReferenceSort, path: str, rows: type[RowsT]) -> RowsT | None:
        """Return the rows of one answer, None if there is no legible answer."""
        found = await self._reader.get(path, rows)
        if isinstance(found, Unreadable):
            self.unread[what] = found.why
            return None
        return found
