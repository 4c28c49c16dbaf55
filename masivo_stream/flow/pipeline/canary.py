"""The canary of a run: one record of each kind, sent first. The rest follows if the account shows them as sent.

1. The records are chosen (`choose_canary`), and their places noted in the journal.
2. Kind by kind, the record is sent by the kind's own pipeline (`KindPipeline.send_ahead`), then read back until all of
   it shows. The next kind needs that, as it does in the rest of the run.
3. The customer is read once more: after its transactions, the wallet must still be the exported balance.
4. What was learnt is noted, and the run goes on, or stops with `CanaryError`.

A process that dies in between leaves what any process leaves: the next one sends nothing again, and looks again. When a
run has begun with its other records, there is no canary any more.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from masivo_stream.core.pacing.account_type import find_account_type
from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.pacing.rate_headers import RateHeaders, read_rate_headers
from masivo_stream.edges.journal import Journal
from masivo_stream.flow.identity.account_binding import name_person
from masivo_stream.flow.pipeline.choose_canary import FoundRecord, HeldOfKind, choose_canary, find_record
from masivo_stream.flow.pipeline.kind import KindPipeline
from masivo_stream.flow.readback.account_data import (
    read_customer_answer,
    read_exported_customer,
    read_exported_transactions,
)
from masivo_stream.flow.readback.answer_fields import FieldNotes, compare_fields
from masivo_stream.flow.readback.check import ReadBackCheck, Span, find_span
from masivo_stream.flow.readback.compare import Comparison
from masivo_stream.flow.session import Session
from masivo_stream.flow.sources import Source
from masivo_stream.model.account_check import AccountType
from masivo_stream.model.attempt import Answer, Attempt
from masivo_stream.model.canary import CanaryPlace, CanaryRecord, CanaryResult
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import CanaryError, ConfigurationError, DeniedError, ExitCode
from masivo_stream.model.notices import CanaryChosen, CanaryEnded, CanarySeen, Visible, WaitingVisible
from masivo_stream.model.ports import ReadAnswer
from masivo_stream.model.progress import Resume
from masivo_stream.model.results import Entry
from masivo_stream.model.states import Note, NoteKind
from masivo_stream.model.verification import Seen

_OPERATION = "send the canary"
_OK = 200

OpenKind = Callable[[Kind, Resume], AbstractAsyncContextManager[KindPipeline]]


class Canary:
    """The canary of one run. `result` is what it shows; absent if this process had nothing to look at."""

    def __init__(self, session: Session, sources: Mapping[Kind, Sequence[Source]], held: HeldOfKind) -> None:
        """Take the records from `sources`, in a session that is connected; what is `held` back is not sent."""
        self._session, self._sources, self._held = session, sources, held
        self._settings, self._clock, self._journal = session.settings, session.clock, session.journal
        self._reader = _ListeningReader(session)
        self._entries: dict[Kind, Entry] = {}
        self._records: list[CanaryRecord] = []
        self._learnt: list[str] = []
        self.result: CanaryResult | UnsetType = UNSET

    async def go(self, open_kind: OpenKind) -> None:
        """Send the canary, unless it has passed, or the run has begun without it; return if the rest may follow.

        Raises:
            CanaryError: something was refused, is missing, differs, or is in doubt.
            ConfigurationError: no record is fit to be the canary.
            DeniedError: the API does not let us read.
            StorageError: the journal cannot be written.
        """
        if self._journal.read.notes(NoteKind.CANARY_PASSED) or self._has_begun():
            return
        places = await self._choose()
        try:
            await self._send_all(places, open_kind)
        except CanaryError as error:
            await self._end(NoteKind.CANARY_STOPPED, str(error))
            raise
        except DeniedError as error:
            error.hint = f"{error.hint}; {_NOT_READ}"
            raise
        await self._end(NoteKind.CANARY_PASSED, "all of it shows as it was sent")

    def _has_begun(self) -> bool:
        """Return whether the run has read lines in their turn."""
        figures = (self._journal.read.figures(kind) for kind in Kind)
        return any(each is not None and each.read > len(each.ahead) for each in figures)

    async def _choose(self) -> list[CanaryPlace]:
        """Return the places of the records, and note them before anything of them is sent."""
        if noted := self._journal.read.notes(NoteKind.CANARY_CHOSEN):
            return msgspec.json.decode(noted[-1].detail, type=list[CanaryPlace])
        sent = await self._session.guard_purchases().open_earlier() if self._sources.get(Kind.EVENTS) else None
        places = await choose_canary(self._sources, self._settings, self._held, sent)
        if not places:
            raise ConfigurationError(
                "no record near the beginning of the exports is fit to be sent first as a canary",
                operation=_OPERATION,
                hint=_NOT_FIT,
            )
        await self._journal.take_note(Note(NoteKind.CANARY_CHOSEN, msgspec.json.encode(places).decode()))
        return places

    async def _send_all(self, places: Sequence[CanaryPlace], open_kind: OpenKind) -> None:
        found = {place.kind: await self._find(place) for place in places}
        shown = tuple((kind, *record.entry.record) for kind, record in found.items())
        self._session.observer.notify(CanaryChosen(places=shown))
        for kind, record in found.items():
            self._entries[kind] = record.entry
            since = await self._send(kind, record, open_kind)
            await self._look(kind, record.entry, since)
        if Kind.CUSTOMERS in found and Kind.TRANSACTIONS in found:
            await self._look_again(found[Kind.CUSTOMERS].entry)
        self._learnt += [*self._describe_fields(), *self._describe_left_out(), *self._reader.describe()]

    async def _find(self, place: CanaryPlace) -> FoundRecord:
        found = await find_record(place, self._sources.get(place.kind, ()), self._settings, self._held)
        if found is None:
            raise ConfigurationError(
                f"the canary's record, line {place.line:,} of {place.kind}, is not valid with these settings",
                operation=_OPERATION,
                hint=_WITHOUT_ONE,
            )
        return found

    async def _send(self, kind: Kind, found: FoundRecord, open_kind: OpenKind) -> float | None:
        """Send a record unless it was sent; return when it was accepted, None if an earlier process sent it."""
        resume = self._journal.resume(kind)
        async with open_kind(kind, resume) as pipeline:
            with self._session.listening(self._reader.hear):
                await pipeline.send_ahead(found.entry, found.block)
            figures = pipeline.recorder.figures()
        if figures.in_doubt:
            raise self._stop(
                kind,
                found.entry,
                CanaryRecord(kind=kind, file=found.entry.record[0], line=found.entry.line, outcome="in doubt"),
                "is in doubt: it may or may not have arrived",
            )
        if not figures.accepted:
            raise self._stop(
                kind,
                found.entry,
                CanaryRecord(kind=kind, file=found.entry.record[0], line=found.entry.line, outcome="refused"),
                "was refused",
            )
        accepted_before = sum(resume.figures.items.values()) or resume.unanswered
        return None if accepted_before else self._clock.now()

    # Reading back.

    async def _look(self, kind: Kind, entry: Entry, since: float | None) -> None:
        """Read a record back until all of it shows.

        Raises:
            CanaryError: it does not, or differs.
        """
        span = find_span(self._journal.read, kind)
        if span is None:
            raise RuntimeError("what was accepted has a time")
        observer, began = self._session.observer, self._clock.now()
        visible = self._settings.visible
        longest = visible.visible_timeout
        observer.notify(WaitingVisible(kind=kind, seen=0, probes=1, next_probe=visible.first_probe, canary=longest))
        found = await self._wait(kind, entry, span)
        if found.seen is Seen.CONFIRMED:
            observer.notify(Visible(kind=kind, seconds=self._clock.now() - began, confirmed=True))
        seconds = None if since is None or found.seen is not Seen.CONFIRMED else self._clock.now() - since
        fields = FieldNotes()
        if kind is Kind.CUSTOMERS and found.seen is not Seen.MISSING:
            fields = compare_fields(entry.body, self._reader.body)
        record = CanaryRecord(
            kind=kind,
            file=entry.record[0],
            line=entry.line,
            seen=found.seen,
            different=found.what,
            seconds=seconds,
            changed=() if found.seen is not Seen.CONFIRMED else fields.changed,
            added=fields.added,
            absent=fields.absent,
        )
        if found.seen is not Seen.CONFIRMED:
            raise self._stop(kind, entry, record, _AMISS[found.seen].format(what=", ".join(found.what)))
        self._note(record)
        when = "shows" if seconds is None else f"showed within {seconds:.1f} s"
        self._learnt.append(f"{kind}: {_place(entry)} {when}, {self._describe_equal(kind, entry)}")

    async def _look_again(self, entry: Entry) -> None:
        """Read the customer once more: its transactions must not have changed its wallet."""
        span = find_span(self._journal.read, Kind.CUSTOMERS)
        if span is None or not _has_balance(entry):
            return
        found = await self._wait(Kind.CUSTOMERS, entry, span)
        if found.seen is Seen.CONFIRMED:
            if self._shows_wallet():
                self._learnt.append("after its transactions, the customer's wallet is still the exported balance")
            return
        record = msgspec.structs.replace(self._records[0], seen=found.seen, different=found.what)
        what = ", ".join(found.what)
        raise self._stop(
            Kind.CUSTOMERS, entry, record, f"{_AMISS[found.seen].format(what=what)}, since its transactions were sent"
        )

    async def _wait(self, kind: Kind, entry: Entry, span: Span) -> Comparison:
        """Read a record back: what is missing has `visible_timeout` to show, what differs `events_settle` to change."""
        visible = self._settings.visible
        check = ReadBackCheck(kind, span, reader=self._reader, clock=self._clock, settings=visible)
        pauses = doubling_pauses(visible.first_probe, visible.longest_probe)
        began = self._clock.now()
        while True:
            found = await check.check(entry)
            waits = found.seen in {Seen.NOT_YET, Seen.MISSING} or (found.seen is Seen.DIFFERENT and found.less)
            longest = visible.visible_timeout if waits else visible.events_settle
            left = longest - (self._clock.now() - began)
            if found.seen is Seen.CONFIRMED or left <= 0:
                break
            await self._clock.sleep(min(next(pauses), left))
        return Comparison(seen=Seen.MISSING) if found.seen is Seen.NOT_YET else found

    # Words.

    def _stop(self, kind: Kind, entry: Entry, record: CanaryRecord, words: str) -> CanaryError:
        """Note what is amiss with a record, and return the error."""
        self._note(record)
        error = CanaryError(
            f"the canary, {_place(entry)} of {kind}, {words}",
            operation=_OPERATION,
            hint={"in doubt": _IN_DOUBT, "refused": _REFUSED}.get(record.outcome, _LOOK),
        )
        if record.outcome == "in doubt":
            error.exit_code = ExitCode.IN_DOUBT
        return error

    def _note(self, record: CanaryRecord) -> None:
        self._records.append(record)
        self._session.observer.notify(
            CanarySeen(
                kind=record.kind,
                file=record.file,
                line=record.line,
                outcome=record.outcome,
                seen="" if record.seen is None else record.seen.value,
                different=record.different,
                seconds=record.seconds,
            )
        )

    async def _end(self, what: NoteKind, words: str) -> None:
        passed = what is NoteKind.CANARY_PASSED
        self.result = CanaryResult(
            passed=passed, records=tuple(self._records), learnt=tuple(self._learnt), sent_between=self._sent_between()
        )
        await self._journal.take_note(Note(what, words))
        self._session.observer.notify(CanaryEnded(passed=passed, learnt=self.result.learnt))

    def _sent_between(self) -> tuple[str, str] | None:
        """Return a period in which the account has migrated the canary's customer; None if it was not accepted."""
        span = find_span(self._journal.read, Kind.CUSTOMERS)
        if span is None:
            return None
        return _utc(span.since - _MARGIN), _utc(max(self._clock.wall(), span.until) + _MARGIN)

    def _describe_equal(self, kind: Kind, entry: Entry) -> str:
        match kind:
            case Kind.CUSTOMERS:
                wallet = ", and the wallet equals the exported balance" if _has_balance(entry) else ""
                if wallet and not self._shows_wallet():
                    wallet = ", and the account shows no wallet to compare"
                return f"and what can be compared equals the export{wallet}"
            case Kind.EVENTS:
                return "by the customer's metrics, which were calculated since"
            case Kind.TRANSACTIONS:
                count = len(read_exported_transactions(entry.body))
                return "and it is there once" if count == 1 else f"and all {count:,} are there, each once"

    def _shows_wallet(self) -> bool:
        held = read_customer_answer(self._reader.body)
        return held is not None and held.wallet is not None and held.wallet.totals is not None

    def _describe_fields(self) -> Iterator[str]:
        """Yield sentences about the customer's fields: what the account adds, changes, and does not show."""
        for record in self._records[:1]:
            for names, words in (
                (record.added, "the account adds these fields to a customer"),
                (record.changed, "the account writes these fields of a customer in another form than the export"),
                (record.absent, "the account does not show these fields of a customer"),
            ):
                if names:
                    yield f"{words}: {', '.join(names)}"

    def _describe_left_out(self) -> Iterator[str]:
        for kind, sources in self._sources.items():
            if sources and kind not in self._entries:
                yield f"{kind}: not tried, no record of this customer near the beginning of the export is fit"


async def note_overruled(journal: Journal) -> None:
    """Note that a person has the rest of a run sent, although its canary has not passed.

    Raises:
        StorageError: the journal cannot be written.
    """
    ended = (NoteKind.CANARY_PASSED, NoteKind.CANARY_OVERRULED)
    if journal.read.notes(NoteKind.CANARY_CHOSEN) and not any(map(journal.read.notes, ended)):
        words = "the rest is sent although the canary has not passed"
        await journal.take_note(Note(NoteKind.CANARY_OVERRULED, words, person=name_person()))


class _ListeningReader:
    """Reads through the session, and keeps the last answer about a customer and what all answers say of limits."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.body = b""
        self._reads: list[RateHeaders] = []
        self._others: list[RateHeaders] = []

    def hear(self, attempt: Attempt) -> None:
        """Take in any attempt."""
        if isinstance(attempt, Answer) and attempt.status != _OK:
            self._others.append(read_rate_headers(attempt))

    async def read_customer(self, customer: str) -> ReadAnswer:
        """Read one customer."""
        reply = await self._session.reader.read_customer(customer)
        self.body = reply.body
        return self._listen(reply)

    async def read_transactions(self, customer: str, year: int) -> ReadAnswer:
        """Read one customer's transactions of a year."""
        return self._listen(await self._session.reader.read_transactions(customer, year))

    def _listen(self, reply: ReadAnswer) -> ReadAnswer:
        if isinstance(reply.attempt, Answer) and reply.attempt.status == _OK:
            self._reads.append(read_rate_headers(reply.attempt))
        return reply

    def describe(self) -> Iterator[str]:
        """Yield sentences about the account and its limits."""
        type_, reason = find_account_type(self._reads)
        yield f"account: {self._session.binding.noted}, {_TYPES[type_]}: {reason}"
        limits = sorted({headers.limit for headers in self._others if headers.limit is not None})
        if limits:
            left = next((each.remaining for each in reversed(self._others) if each.remaining is not None), None)
            more = "" if left is None else f", {left:,} left"
            yield f"answers to batches name a limit of requests: {', '.join(f'{each:,}' for each in limits)}{more}"


_TYPES = {
    AccountType.DEVELOPMENT: "probably a development account",
    AccountType.PRODUCTION: "probably a production account",
    AccountType.UNKNOWN: "of unknown type",
}

_AMISS = {
    Seen.MISSING: "was accepted, and does not show in the account",
    Seen.DIFFERENT: "was accepted, and the account shows something else: {what}",
    Seen.UNREAD: "was accepted, and cannot be read back: the API gives no legible answer",
    Seen.UNTOLD: "was accepted, and cannot be read back: its id needs escaping",
}

_WITHOUT_ONE = "use the settings that the run was started with, or send everything with --no-canary"
_NOT_FIT = "masivo-stream validate shows what is wrong with the records; --no-canary sends everything without a canary"
_NOT_READ = "a canary has to be read back, and --no-canary sends everything without one"
_LOOK = "look the record up in the account; the same command looks again, and sends nothing twice"
_REFUSED = "its dead letter says why: the canary's other records are in the account, and nothing else was sent"
_IN_DOUBT = "masivo-stream resolve shows what is known, and takes your decision; then start the same command again"
_MARGIN = timedelta(minutes=1)
"""The account's clock may differ from this machine's by as much."""


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _place(entry: Entry) -> str:
    return "{}:{}".format(*entry.record)


def _has_balance(entry: Entry) -> bool:
    return bool(read_exported_customer(entry.body).balance)
