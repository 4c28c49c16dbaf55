"""A server in memory with moods and a ledger, over any number of client processes; it checks what no client may do.

Time is passed in, and continues from process to process.
"""

import json
from collections import Counter, deque
from dataclasses import dataclass, field, replace

from model_exports import NOPE, take_apart
from msgspec import Raw
from msgspec import json as msgspec_json

from masivo_stream.edges.api import Reply
from masivo_stream.model.attempt import Answer, Body, Cause, Failure
from masivo_stream.model.batch import ENVELOPE_BYTES
from masivo_stream.model.contract import CONTRACTS, Kind

_body_of = msgspec_json.Decoder(dict[str, list[Raw]]).decode
ACCEPTED = Answer(status=201)
REFUSED = Answer(status=422, error="Invalid customer entry", details="no")
LOST = Failure(cause=Cause.RESET, sent=True)
NEVER = None


@dataclass(frozen=True)
class Mood:
    """How the server takes a request: what it answers, after which delay, and when the effect comes, if ever."""

    answer: Answer | Failure = ACCEPTED
    effect: float | None = NEVER
    latency: float = 0.05
    most_bytes: int | None = None


LATE = 20.0
MOODS = {
    "accept": Mood(effect=0.0),
    "slow": Mood(effect=19.0, latency=20.0),
    "late": Mood(effect=LATE),
    "lost, applied": Mood(LOST, effect=0.0),
    "lost, applied late": Mood(LOST, effect=LATE),
    "lost": Mood(LOST),
    "no connection": Mood(Failure(cause=Cause.REFUSED, sent=False)),
    "no token": Mood(Failure(cause=Cause.TOKEN, sent=False)),
    "503, applied": Mood(Answer(status=503), effect=0.0),
    "503": Mood(Answer(status=503, retry_after="7")),
    "500": Mood(Answer(status=500)),
    "500, applied late": Mood(Answer(status=500), effect=LATE),
    "web page": Mood(Answer(status=200, body=Body.PAGE)),
    "web page, applied": Mood(Answer(status=200, body=Body.PAGE), effect=0.0),
    "207, applied": Mood(Answer(status=207, body=Body.ERRORS), effect=0.0),
    "200 with errors": Mood(Answer(status=200, body=Body.ERRORS)),
    "403 of a firewall": Mood(Answer(status=403, body=Body.PAGE)),
    "521": Mood(Answer(status=521, body=Body.PAGE)),
    "429": Mood(Answer(status=429, retry_after="3")),
    "429, long": Mood(Answer(status=429, retry_after="5000")),
    "401": Mood(Answer(status=401)),
    "403": Mood(Answer(status=403)),
    "302, applied": Mood(Answer(status=302), effect=0.0),
    "422": Mood(REFUSED),
    "413": Mood(effect=0.0, most_bytes=600),
}
HARMLESS = frozenset({400, 401, 403, 404, 409, 413, 422, 425, 429, 521})
"""With these statuses the server says that it applied nothing."""


@dataclass(eq=False)
class Attempt:
    """A request that arrived; `status` is set as soon as a living client knows it."""

    kind: Kind
    keys: tuple[str, ...]
    entries: int
    status: int | None = None
    forgotten: bool = False
    """Whether the process that sent it has died; it may have noted the answer before."""

    @property
    def harmless(self):
        return self.status in HARMLESS

    @property
    def accepted(self):
        return self.status == 201


@dataclass
class Server:
    """What it applied, what has still to take effect, and every request it received."""

    exports: object
    welcomes_repeats: bool = True
    moods: deque = field(default_factory=deque)
    applied: Counter = field(default_factory=Counter)
    known: set = field(default_factory=set)
    due: list = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    open: dict = field(default_factory=dict)
    """By item: the attempt that may have applied it."""
    violations: list[str] = field(default_factory=list)
    moody: int = 0
    """Requests that met a mood."""
    arrivals: list[float] = field(default_factory=list)
    holds: list[tuple[float, float]] = field(default_factory=list)
    """When it asked for a wait, and until when."""

    def pass_time(self, now):
        """Apply everything that is due by now."""
        for effect in sorted(self.due, key=lambda effect: effect[0]):
            if effect[0] <= now:
                self.due.remove(effect)
                _, keys, customers = effect
                self.applied.update(keys)
                self.known |= customers

    def next_mood(self):
        if not self.moods:
            return MOODS["accept"]
        self.moody += 1
        return self.moods.popleft()

    def arrive(self, kind, body, mood, now, most_bytes):
        """Take a request; return its entry in the ledger and the answer."""
        self.pass_time(now)
        raws = [bytes(raw) for raw in _body_of(body)["customers"]]
        keys = tuple(key for raw in raws for key in self._validate(kind, raw, most_bytes))
        attempt = Attempt(kind, keys, len(raws))
        self._law(bool(raws) and body == b'{"customers":[' + b",".join(raws) + b"]}", "the body is as it should be")
        self._law(len(body) <= most_bytes, f"{len(body)} bytes of {most_bytes}")
        self._law(len(keys) <= CONTRACTS[kind].max_items, f"{len(keys)} items in one request")
        self._law(len(set(keys)) == len(keys), "an item is twice in one request")
        if not CONTRACTS[kind].repeatable:
            again = [key for key in keys if key in self.open and not self.open[key].harmless]
            self._law(not again, f"sent again although it may have been applied: {again}")
        self.attempts.append(attempt)
        self.open.update(dict.fromkeys(keys, attempt))
        customers = {json.loads(raw)["id"] for raw in raws}
        self._law(kind is not Kind.EVENTS or len(customers) == len(raws), "a customer of events is in it twice")
        mood = self._mood_for_content(kind, raws, customers, mood, len(body))
        if mood.effect is not NEVER:
            self.due.append((now + mood.effect, keys, customers if kind is Kind.CUSTOMERS else set()))
            self.pass_time(now)
        return attempt, mood

    def _mood_for_content(self, kind, raws, customers, mood, size):
        """Return the mood for a request with this content: what is refused has no effect."""
        if mood.most_bytes is not None and size > mood.most_bytes:
            return replace(mood, answer=Answer(status=413), effect=NEVER)
        repeat = kind is Kind.CUSTOMERS and not self.welcomes_repeats and self.known & customers
        if mood.effect is not NEVER and (repeat or any(NOPE in raw for raw in raws)):
            return replace(mood, answer=REFUSED if mood.answer == ACCEPTED else mood.answer, effect=NEVER)
        return mood

    def _validate(self, kind, raw, most_bytes):
        """Return the names of an entry's items, each byte of which must come from its line.

        A record that travels whole travels as it is, unless it fits only without its spaces, or unless events of
        the same customer travel with it: their records are equal except for the items.
        """
        fields, items = take_apart(kind, raw)
        lines = {self.exports.places[key][0] for key in items if key in self.exports.places}
        most_lines = len(items) if kind is Kind.EVENTS else 1
        right = 1 <= len(lines) <= most_lines and items.keys() <= self.exports.places.keys()
        self._law(right, f"foreign items: {list(items)}")
        for line in lines:
            self._law(line.kind is kind, "another kind's record")
            known_fields, known_items = line.slices()
            taught = any(attempt.status == 413 for attempt in self.attempts)
            fits = len(line.raw) + ENVELOPE_BYTES <= most_bytes and not taught
            whole = lines == {line} and len(items) == len(line.keys) and (fits or kind is not Kind.EVENTS)
            own = {key: item for key, item in items.items() if key in line.keys}
            same = raw == line.raw if whole else (fields, own) == (known_fields, {k: known_items[k] for k in own})
            self._law(same, f"not the source's bytes: {raw!r} of {line.raw!r}")
        return items

    def _law(self, holds, words):
        if not holds:
            self.violations.append(words)


class ServerApi:
    """One process's way to the server: it keeps to its windows, and dies with the process."""

    def __init__(self, server, clock, life, *, windows, most_bytes):
        self.server, self.clock, self.life = server, clock, life
        self.windows, self.most_bytes = windows, most_bytes

    async def prepare(self):
        if self.server.moods and self.server.moods[0] is MOODS["no token"]:
            return self.server.next_mood().answer
        return "token"

    async def send(self, kind, body, token, departed):
        self.life.operation()
        mood = self.server.next_mood()
        if isinstance(mood.answer, Failure) and not mood.answer.sent:
            await self.clock.sleep(mood.latency)
            return mood.answer
        departed()
        now = self.clock.now()
        self._keep_time(now)
        attempt, mood = self.server.arrive(kind, body, mood, now, self.most_bytes)
        self.life.operation()
        await self.clock.sleep(mood.latency)
        if isinstance(mood.answer, Answer) and not self.life.dead:
            success = mood.answer.status < 300
            attempt.status = None if success and mood.answer.body is Body.PAGE else mood.answer.status
            if mood.answer.status == 429:
                self.server.holds.append((self.clock.now(), self.clock.now() + float(mood.answer.retry_after)))
        return mood.answer

    def fresh(self, token):
        return True

    def renew(self, token):
        return True

    async def read_customer(self, customer):
        await self.clock.sleep(0.01)
        self.server.pass_time(self.clock.now())
        body = {"data": {"customer": {"metrics": {"updated_at": "2999-01-01T00:00:00Z"}}}}
        return Reply(
            Answer(status=200 if customer in self.server.known else 404, body=Body.OBJECT), json.dumps(body).encode()
        )

    def _keep_time(self, now):
        arrivals = self.server.arrivals
        arrivals.append(now)
        for window in self.windows:
            if len(arrivals) > window.limit:
                span = now - arrivals[-1 - window.limit]
                self.server._law(span >= window.seconds - 1e-6, f"{window.limit + 1} requests within {span} s")
        for said, until in self.server.holds:
            self.server._law(not said + 0.1 < now < until - 1e-6, f"sent at {now}, to be held from {said} to {until}")
