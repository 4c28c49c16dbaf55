"""Try in an account what the vendor's pages leave open, with records made for it, and report what it does.

The records are marked: ids, emails and purchases begin with `masivo-stream-try-` and a random word, so two trials never
meet. Nothing of an export is read or sent. Each trial waits as a migration would: what must show has `visible_timeout`,
and what may show has `events_settle` before it counts as absent.
"""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.sending.backoff import FIRST_THROTTLE_WAIT
from masivo_stream.core.sending.classify import classify
from masivo_stream.flow.client import ApiConnection
from masivo_stream.flow.readback.account_data import CustomerHoldings, read_customer_answer
from masivo_stream.model.attempt import Accepted, Answer, Refused, Throttled
from masivo_stream.model.contract import PURCHASE, Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.experiments import Experiment, Tried
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import VisibleSettings

MARK = "masivo-stream-try-"
_OK, _NOT_FOUND = 200, 404
_TRIES = 5
"""How often a request is sent that the account throttles."""

_QUESTIONS = {
    Experiment.ATOMIC: "is a refused request refused as a whole?",
    Experiment.TWICE: "does an event that is sent twice count twice?",
    Experiment.EMAIL_CASE: "may two customers have emails that differ only in upper and lower case?",
}
_EXPECTED = {Experiment.ATOMIC: "yes", Experiment.TWICE: "yes", Experiment.EMAIL_CASE: ""}
_FOLLOWS = {
    (Experiment.ATOMIC, "yes"): "as assumed: isolating bad records sends nothing twice",
    (Experiment.ATOMIC, "no"): (
        "isolating bad records would send good events again: correct all that plan and check find before you migrate,"
        " and set isolation_budget = 1, so that the first refusal stops the run"
    ),
    (Experiment.TWICE, "yes"): "as assumed: events in doubt are never sent again without your decision",
    (Experiment.TWICE, "no"): "events in doubt can be sent again without harm: masivo-stream resolve --resend",
    (Experiment.EMAIL_CASE, "yes"): "such emails need no correction",
    (
        Experiment.EMAIL_CASE,
        "no",
    ): "the second of two such customers does not arrive: correct first what plan warns of as email_case",
}


class _OpenQuestion(Exception):  # noqa: N818 - an outcome, not an error
    """A trial could not be completed; its text says why."""


class AccountTrials:
    """Trials in one account."""

    def __init__(self, connection: ApiConnection, clock: Clock, visible: VisibleSettings, word: str = "") -> None:
        """Send and read through `connection`; `word` marks the records (default: a random one)."""
        self._connection, self._clock, self._visible = connection, clock, visible
        self._word = word or f"{random.getrandbits(40):010x}"
        self._base = ""
        """The customer that is there for certain, once there is one."""
        self.customers: list[str] = []
        """Ids that were sent as customers."""

    async def try_all(self, wanted: Sequence[Experiment]) -> tuple[Tried, ...]:
        """Try the wanted ones, in an order that shares what it sends."""
        trials = {
            Experiment.ATOMIC: self._try_atomic,
            Experiment.TWICE: self._try_twice,
            Experiment.EMAIL_CASE: self._try_email_case,
        }
        found = []
        for name, trial in trials.items():
            if name not in wanted:
                continue
            try:
                answer, because = await trial()
            except _OpenQuestion as why:
                answer, because = "open", str(why)
            except MasivoStreamError as error:
                answer, because = "open", f"{error}"
            found.append(
                Tried(
                    name=name,
                    question=_QUESTIONS[name],
                    answer=answer,
                    because=because,
                    expected=_EXPECTED[name],
                    follows=_FOLLOWS.get((name, answer), "try again later; until then the program assumes the worse"),
                )
            )
        return tuple(found)

    # The trials: each returns the answer, and what was seen.

    async def _try_atomic(self) -> tuple[str, str]:
        """Send a good event beside one of a customer that does not exist."""
        base = await self._find_base()
        before = await self._purchases(base)
        unknown = self._name("unknown")
        refused = await self._post(Kind.EVENTS, [self._events(base, "beside"), self._events(unknown, "bad")])
        if not refused:
            raise _OpenQuestion("the account accepted a request with events of a customer that does not exist")
        if await self._wait(base, lambda held: _count(held) > before, self._visible.events_settle):
            return "no", "the request was refused, and the good event in it was applied"
        # That nothing shows proves something only if the account shows an event that was accepted.
        if await self._post(Kind.EVENTS, [self._events(base, "alone")]):
            raise _OpenQuestion("the account refused an event that should be good")
        if not await self._wait(base, lambda held: _count(held) > before, self._visible.visible_timeout):
            raise _OpenQuestion("the account does not show how many purchases a customer has")
        if await self._purchases(base) > before + 1:
            return "no", "the request was refused, and the good event in it was applied later"
        seconds = f"{self._visible.events_settle:.0f} s"
        return "yes", f"the good event in a refused request was not applied within {seconds}, and one alone was"

    async def _try_twice(self) -> tuple[str, str]:
        """Send one event in two requests, the second one when the first one shows."""
        base = await self._find_base()
        before = await self._purchases(base)
        event = self._events(base, "twice")
        if await self._post(Kind.EVENTS, [event]):
            raise _OpenQuestion("the account refused an event that should be good")
        if not await self._wait(base, lambda held: _count(held) > before, self._visible.visible_timeout):
            raise _OpenQuestion("the account does not show how many purchases a customer has")
        if await self._post(Kind.EVENTS, [event]):
            return "no", "the second copy was refused"
        if await self._wait(base, lambda held: _count(held) > before + 1, self._visible.events_settle):
            return "yes", "the second copy was accepted, and the customer's purchases are two more"
        return "no", f"the second copy was accepted, and not counted within {self._visible.events_settle:.0f} s"

    async def _try_email_case(self) -> tuple[str, str]:
        """Send a second customer whose email is the first one's in capitals."""
        base = await self._find_base()
        second = self._name("capitals")
        record = self._customer(second, self._email(base).upper())
        self.customers.append(second)
        if await self._post(Kind.CUSTOMERS, [record]):
            return "no", "the second customer was refused"
        if await self._wait(second, lambda _: True, self._visible.events_settle):
            return "yes", "both customers are in the account"
        return "no", f"the second customer was accepted, and did not show within {self._visible.events_settle:.0f} s"

    async def _find_base(self) -> str:
        """Return a customer that shows in the account; make one if there is no such customer yet."""
        if self._base:
            return self._base
        base = self._name("customer")
        self.customers.append(base)
        if await self._post(Kind.CUSTOMERS, [self._customer(base, self._email(base))]):
            raise _OpenQuestion("the account refused a customer that should be good")
        if not await self._wait(base, lambda _: True, self._visible.visible_timeout):
            raise _OpenQuestion(f"a new customer does not show within {self._visible.visible_timeout:.0f} s")
        self._base = base
        return base

    # Records.

    def _name(self, what: str) -> str:
        return f"{MARK}{self._word}-{what}"

    def _email(self, customer: str) -> str:
        return f"{customer}@example.com"

    def _customer(self, customer: str, email: str) -> dict[str, object]:
        registered = self._at(timedelta(days=2))
        return {"id": customer, "name": "Test of masivo-stream", "email": email, "registration_date": registered}

    def _events(self, customer: str, purchase: str) -> dict[str, object]:
        order = {
            "purchase_id": self._name(purchase),
            "value": 1,
            "discounted_value": 1,
            "products": [{"sku": f"{MARK}product", "amount": 1, "value": 1}],
            "payment_method": "OTHER",
        }
        times = {"issued_at": self._at(timedelta(days=1)), "resolved_at": None}
        return {
            "id": customer,
            "events": [{"type": PURCHASE, "order": order, "fulfilled": True, **times, "brand_id": None}],
        }

    def _at(self, ago: timedelta) -> str:
        midnight = self._clock.wall().replace(hour=0, minute=0, second=0, microsecond=0)
        return write_moment(midnight - ago)

    # Requests.

    async def _post(self, kind: Kind, records: Sequence[object]) -> bool:
        """Send one request; return whether it was refused."""
        body, client = msgspec.json.encode({"customers": records}), self._connection.client
        for _ in range(_TRIES):
            token = await client.prepare()
            if not isinstance(token, str):
                raise _OpenQuestion("no token came")
            limiter = self._connection.limiters.kinds[kind]
            async with limiter.departure() as departure:
                attempt = await client.send(kind, body, token, lambda: None)
                if isinstance(attempt, Answer):
                    departure.answered(attempt)
                elif not attempt.sent:
                    departure.unsent()
            match classify(attempt):
                case Accepted():
                    return False
                case Refused(foreign=False):
                    return True
                case Throttled(after):
                    limiter.hold(after or FIRST_THROTTLE_WAIT)
                case _ if isinstance(attempt, Answer):
                    raise _OpenQuestion(f"the account answered {attempt.status} to a request")
                case _:
                    raise _OpenQuestion(f"a request got no answer: {attempt.cause}")
        raise _OpenQuestion("the account throttles every request")

    async def _purchases(self, customer: str) -> int:
        held = await self._read(customer)
        if held is None:
            raise _OpenQuestion("a customer that was there cannot be read back")
        return _count(held)

    async def _wait(self, customer: str, shows: Callable[[CustomerHoldings], bool], limit: float) -> bool:
        """Return whether something shows of a customer before `limit` seconds have passed."""
        pauses = doubling_pauses(self._visible.first_probe, self._visible.longest_probe)
        until = self._clock.now() + limit
        while True:
            held = await self._read(customer)
            if held is not None and shows(held):
                return True
            left = until - self._clock.now()
            if left <= 0:
                return False
            await self._clock.sleep(min(next(pauses), left))

    async def _read(self, customer: str) -> CustomerHoldings | None:
        reply = await self._connection.reader.read_customer(customer)
        if isinstance(reply.attempt, Answer) and reply.attempt.status == _OK:
            return read_customer_answer(reply.body)
        return None


def _count(held: CustomerHoldings) -> int:
    """Return how many purchases the account has counted for a customer."""
    metrics = held.customer.metrics
    period = None if metrics is None else metrics.lifetime
    return 0 if period is None or period.number_of_purchases is None else int(period.number_of_purchases)


def write_moment(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
