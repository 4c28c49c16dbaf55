"""The emulated account behind the calls: combines rules, store, limits, tokens and faults.

Of HTTP it knows only status codes and headers. Requests take effect one after the other, since no step that uses the
store awaits anything. Large bodies are validated in a thread, so that the arrival times of other requests are noted in
time.
"""

import random
import re
from collections import deque
from collections.abc import Mapping

import anyio.lowlevel
import anyio.to_thread
import msgspec
from msgspec import Struct

from masivo_stream.core.reading.schema_faults import problems
from masivo_stream.model.contract import Kind
from masivo_stream.model.schemas import Timestamp
from masivo_stream.sandbox import tokens
from masivo_stream.sandbox.access import AccessControl
from masivo_stream.sandbox.account_reads import list_transactions
from masivo_stream.sandbox.account_rules import check_against_account
from masivo_stream.sandbox.alter_batch import first_half, one_by_one, spoil_first, without_first
from masivo_stream.sandbox.body_rules import VAGUE, date_seconds, refuse, validate, validate_transaction
from masivo_stream.sandbox.customer_answers import make_customer_answer, make_transactions_answer, recent_span
from masivo_stream.sandbox.customer_metrics import issued_span
from masivo_stream.sandbox.fault_bodies import fill, find_bad_entry, results_of
from masivo_stream.sandbox.fault_injection import ExchangeFaults, FaultInjector
from masivo_stream.sandbox.fault_types import CallTarget
from masivo_stream.sandbox.http_answers import (
    EnqueuedAnswer,
    RevertedAnswer,
    SandboxAnswer,
    TokenAnswer,
    answer,
    refusal,
)
from masivo_stream.sandbox.parsed_batch import Batch, Refusal
from masivo_stream.sandbox.sandbox_clock import SandboxClock
from masivo_stream.sandbox.sandbox_options import SandboxOptions
from masivo_stream.sandbox.store import Store

_YEAR = re.compile(r"\A0*[1-9][0-9]{0,3}\Z", re.ASCII)
_VALIDATED_ON_THE_LOOP = 32 * 1024  # bytes; for smaller bodies, the change to a thread costs more than the validation
_REVERTED_AT_ONCE = 200  # customers; some ten milliseconds


class Noted(Struct, frozen=True, kw_only=True):
    """One request as `/__sandbox/requests` shows it: without id, body and headers."""

    method: str
    path: str
    """The call's path, with `{id}` in place of an id."""
    outcome: str
    arrival: float
    """Seconds since the sandbox started."""
    bytes: int | None
    """Length of the body as announced."""


class _RevertBody(Struct):
    start_date: Timestamp
    end_date: Timestamp


class AccountAt:
    """The account at one moment, as the rules see it (`account_rules.AccountView`)."""

    def __init__(self, store: Store, now: float) -> None:
        self._store = store
        self._now = now
        self.body_of = store.body_of
        self.owner_of, self.mailbox_of = store.owner_of, store.mailbox_of

    def visible_body_of(self, customer: str) -> bytes | None:
        """Return the record of a customer who is visible."""
        found = self._store.visible(customer, self._now)
        return None if found is None else found[0]

    def has_transactions(self, customer: str, *, queued: bool) -> bool:
        """Return whether the customer has migrated transactions; `queued` includes those in the queue."""
        return self._store.has_transactions(customer, float("inf") if queued else self._now)


class Service:
    """One sandbox's account."""

    def __init__(self, options: SandboxOptions, clock: SandboxClock) -> None:
        """Open the store.

        Raises:
            ConfigurationError: the store cannot be used.
        """
        self.options = options
        self.clock = clock
        self.store = Store(
            options.store,
            one_email=options.email_case == "ignored",
            one_purchase=options.same_purchase == "ignored",
        )
        self.injector = FaultInjector(options.faults, random.Random(options.seed))  # noqa: S311 - chance for faults, no secret
        self.noted: deque[Noted] = deque(maxlen=options.request_log)
        self._secret = self.store.secret()
        self.access = AccessControl(api_key=options.api_key, secret=self._secret, limits=options.limits)
        self._started = clock.monotonic()

    def authorize(self, faults: ExchangeFaults) -> SandboxAnswer:
        """Issue a token."""
        if faults.bad_token:
            return SandboxAnswer(status=200, body=b"{}")
        token = tokens.issue(self._secret, self.clock.wall(), self.options.token_lifetime)
        return answer(200, TokenAnswer(token))

    async def migrate(self, kind: Kind, body: bytes, faults: ExchangeFaults) -> SandboxAnswer:
        """Validate a body and put its batch into the queue."""
        batch = await self._validate(kind, body)
        if isinstance(batch, Refusal):
            return _refused(batch, faults, body)
        now = self.clock.wall()
        refused = check_against_account(batch, AccountAt(self.store, now), look_into_queue=not faults.late_duplicate)
        if refused is not None:
            if self.options.refusals == "partial":
                self._apply_good(batch, now)
            return _refused(refused, faults, body)
        applied = without_first(spoil_first(batch, faults.spoilt), faults.lost + (faults.refused or 0))
        self.store.enqueue(
            first_half(applied) if faults.partial else applied, now + self.options.visible_after + faults.late
        )
        if faults.refused is not None:
            return results_of(body, faults.refused)
        return refusal(422, VAGUE) if faults.partial else answer(201, EnqueuedAnswer())

    def _apply_good(self, batch: Batch, now: float) -> None:
        """Let the entries of a refused batch take effect that would not be refused alone."""
        for single in one_by_one(batch):
            if check_against_account(single, AccountAt(self.store, now)) is None:
                self.store.enqueue(single, now + self.options.visible_after)

    async def _validate(self, kind: Kind, body: bytes) -> Batch | Refusal:
        discounted = self.options.discounted_value
        if len(body) <= _VALIDATED_ON_THE_LOOP:
            return validate(kind, body, discounted_value=discounted)
        return await anyio.to_thread.run_sync(lambda: validate(kind, body, discounted_value=discounted))

    async def revert(self, body: bytes) -> SandboxAnswer:
        """Take back the customers applied in a period, in groups, so that other requests are served in between."""
        found = _period(body)
        if isinstance(found, Refusal):
            return refusal(422, found.details)
        now = self.clock.wall()
        count, after = 0, (float("-inf"), 0)
        while places := self.store.revert(*found, now, after, _REVERTED_AT_ONCE):
            count, after = count + len(places), places[-1]
            await anyio.lowlevel.checkpoint()
        return answer(200, RevertedAnswer(count))

    def customer(self, customer: str) -> SandboxAnswer:
        """Show a customer."""
        now = self.clock.wall()
        found = self.store.visible(customer, now)
        if found is None:
            return refusal(404, "no such customer")
        native = [entry for entry in self.store.transactions(customer, now) if entry.native]
        view = make_customer_answer(*found, self.store.purchases(customer, now), native, now)
        return answer(200, view)

    def transactions(self, customer: str, query: Mapping[str, str]) -> SandboxAnswer:
        """Show a customer's transactions, newest first; without a year, the recent ones."""
        now = self.clock.wall()
        year = query.get("year")
        if year is not None and not _YEAR.match(year):
            return refusal(422, "year: expected a whole number from 1 to 9999")
        if self.store.visible(customer, now) is None:
            return refusal(404, "no such customer")
        entries = self.store.transactions(
            customer,
            now,
            issued=recent_span(now) if year is None else issued_span(int(year)),
            brand_id=query.get("brand_id"),
            reward_id=query.get("reward_id"),
            type_=query.get("type"),
        )
        return answer(200, make_transactions_answer(entries))

    def list_transactions(self, query: Mapping[str, str]) -> SandboxAnswer:
        """Show a day's transactions of all customers."""
        return list_transactions(self.store, query, self.clock.wall(), self.options.days)

    # Not part of the API

    def add_native(self, customer: str, body: bytes) -> SandboxAnswer:
        """Let a customer make a transaction after the migration."""
        now = self.clock.wall()
        if self.store.visible(customer, now) is None:
            return refusal(404, "no such customer")
        entry = validate_transaction(body)
        if isinstance(entry, Refusal):
            return refusal(422, entry.details)
        self.store.add_native(customer, entry, now)
        return answer(201, EnqueuedAnswer())

    def note(
        self, target: CallTarget, method: str, path: str, outcome: str, *, arrived: float, length: int | None
    ) -> None:
        """Note one request for the ledger and the list of requests."""
        self.store.count(target.value, outcome)
        self.noted.append(
            Noted(method=method, path=path, outcome=outcome, arrival=arrived - self._started, bytes=length)
        )


def _refused(why: Refusal, faults: ExchangeFaults, body: bytes) -> SandboxAnswer:
    words = VAGUE if faults.vague else why.details
    if faults.shape is None:
        return refusal(422, words)
    return fill(faults.shape.content, 422, words, where=find_bad_entry(words, body), by=faults.shape.by)


def _period(body: bytes) -> tuple[float, float] | Refusal:
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return Refusal("body: not valid JSON")
    found = problems(_RevertBody, value)
    if found:
        return refuse(found[0].path or ("body",), found[0].message)
    start, end = (date_seconds(value[name]) for name in ("start_date", "end_date"))
    if start >= end:
        return Refusal("start_date: expected a moment before end_date")
    return start, end
