"""Only missing: after a partial revert, make exactly what was taken back an input of the run again.

A revert takes back whole customers, by the time of their migration at the server's clock, except those who have made a
transaction of their own since. So which customers were taken back is not guessed: the journal says which may have been,
and each of these is read back. If the API has said how many it took back, and these are all, a few are enough.

The accepted records of customers that are gone are copied to files of the run, as a retry does with dead letters; one
commit makes these files inputs of the run. If the process is killed before it, nothing has changed; after it, the run
continues as any other. Memory: 9 bytes per customer.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import msgspec

from masivo_stream.core.accounting.missing import hash_customer
from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.dead_letters import write_taken_back
from masivo_stream.edges.export.identity import encode_identity, take_identity
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.customers import CustomerTable
from masivo_stream.flow.migrated_elsewhere import OTHERS, check_no_pipe
from masivo_stream.flow.pipeline.accepted import AcceptedRecords, open_accepted_records
from masivo_stream.flow.readback.whereabouts import Whereabouts, WhereaboutsCheck, is_odd
from masivo_stream.flow.revert_state import Left, RevertPeriod, RevertState, only_missing, revert_since
from masivo_stream.flow.session import Session
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, InputError, MasivoStreamError, OutageError
from masivo_stream.model.notices import CustomersAsked, TakenBack
from masivo_stream.model.progress import KnownSource, TakenBackCopy
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind

ONLY_MISSING, OTHERS_STAYED = "--only-missing", "--others-stayed"
"""The flags of `migrate`."""

_OPERATION = "send what was taken back"


class TakenBackFinder:
    """Finds what was taken back of a run, until it is done or stopped, and makes it an input again."""

    def __init__(self, session: Session, reverts: RevertState, *, others_stayed: bool = False) -> None:
        """Find what the reverts of the run took back; customers are read back through the session.

        `others_stayed`: a person confirms that, of the customers that another run migrated, those that are there were
        not taken back.
        """
        self._others_stayed = others_stayed
        self._settings, self._state, self._journal = session.settings, session.state, session.journal
        self._clock, self._observer, self._reverts = session.clock, session.observer, reverts
        self.stop = StopControl(session.clock, drain_time=0)
        self._inquiry = WhereaboutsCheck(session.reader, session.settings, self.stop, session.observer)
        self._salt = session.journal.read.salt()
        self._own, self._asked, self._migrated_elsewhere = (CustomerTable(self._salt) for _ in range(3))
        """Customers that the run migrated; those of them that may have been taken back; those of another run."""
        self._accepted: dict[Kind, AcceptedRecords] = {}
        self.unread = 0
        """Customers of which it is not known now whether they are in the account."""
        self.unreadable = 0
        """Customers of which it cannot be known."""
        self._first_left = ""
        """The place of the first of these."""

    @property
    def left(self) -> MasivoStreamError | None:
        """What to report of customers that could not be read back; None if all could."""
        if not self.unread + self.unreadable:
            return None
        return OutageError(
            f"{self.unread + self.unreadable:,} customers could not be read back, the first at {self._first_left}: it"
            " is not known whether they were taken back, and nothing that belongs to them was sent",
            operation=_OPERATION,
            hint="start the same command again later, with --only-missing: it reads them back once more"
            if self.unread
            else "look for these customers in the account's dashboard, because their ids cannot be read back; send"
            " those that are not there from a small export with its own --state-dir",
        )

    async def go(self) -> None:
        """Find it, and make it an input.

        Raises:
            ConfigurationError: it cannot be known whether customers that another run migrated were taken back.
            InputError: an export is missing, or is not what it was.
            OutageError: customers cannot be read back. Nothing has changed then, as with every other error.
            StorageError: the copies cannot be written.
        """
        check_no_pipe(self._journal.read)
        for kind in Kind:
            found = await open_accepted_records(self._journal.read, kind, self._settings, self._state.path)
            if found is not None:
                self._accepted[kind] = found
        await self._list_customers()
        await self._wait_until_settled()
        await self._ask_own()
        await self._ask_migrated_elsewhere()
        await self._check_migrated_elsewhere()
        self.unread = self._count(Whereabouts.UNREAD)
        self.unreadable = self._count(Whereabouts.UNREADABLE)
        if self.unread + self.unreadable:
            left = {Whereabouts.UNREAD, Whereabouts.UNREADABLE}
            self._first_left = await self._place_of(self._asked, left) or await self._place_of(
                self._migrated_elsewhere, left
            )
        await self._take()

    async def _list_customers(self) -> None:
        outside = Outside(self._journal.read, self._reverts.done, self._settings.visible.visible_timeout)
        count = 0
        async for part in self._parts(Kind.CUSTOMERS):
            count += 1
            self._own.add(part.customer)
            if (part.source, part.line) not in outside:
                self._asked.add(part.customer)
        for table in (self._own, self._asked):
            table.close()
        self._check(Kind.CUSTOMERS, count)

    async def _wait_until_settled(self) -> None:
        """Wait until what was sent before the revert, and the revert itself, have had time to show."""
        accepted = filter(None, map(self._journal.read.accepted_between, Kind))
        moments = [last for _, last in accepted] + [datetime.fromisoformat(each.at) for each in self._reverts.done]
        longest = self._settings.visible.events_settle
        left = min(longest, longest - (self._clock.wall() - max(moments)).total_seconds())
        if left > 0:
            self._observer.notify(CustomersAsked(asked=0, of=len(self._asked), gone=0, wait=left))
            await self._clock.sleep(left)

    async def _ask_own(self) -> None:
        taken_back, candidates = self._reverts.customers, len(self._asked)
        if taken_back == candidates and await self._a_few_are_gone():
            self._asked.replace(Whereabouts.UNASKED, Whereabouts.GONE)
            self._asked.replace(Whereabouts.REFUSED, Whereabouts.GONE)
            return
        await self._ask(self._asked, [Kind.CUSTOMERS])
        if self._young and self._gone != taken_back:  # customers that do not show yet are not gone
            self._asked.replace(Whereabouts.GONE, Whereabouts.UNASKED)
            self._asked.replace(Whereabouts.REFUSED, Whereabouts.UNASKED)
            self._observer.notify(CustomersAsked(asked=0, of=candidates, gone=0, wait=self._young))
            await self._clock.sleep(self._young)
            await self._ask(self._asked, [Kind.CUSTOMERS])
        if taken_back == candidates and not self._asked.count(Whereabouts.THERE):
            self._asked.replace(Whereabouts.UNREAD, Whereabouts.GONE)
            self._asked.replace(Whereabouts.UNREADABLE, Whereabouts.GONE)
        if taken_back is not None and self._gone < taken_back:  # clocks may differ by more than assumed
            self._asked, asked = self._own, self._asked
            async for customer in self._customers([Kind.CUSTOMERS], asked):
                self._own[customer] = asked[customer]
            await self._ask(self._asked, [Kind.CUSTOMERS])
        if self._asked.count(Whereabouts.REFUSED) and self._gone != taken_back:
            others = self._asked  # an odd id that was not taken back shows whether such ids are let through
            await self._ask(self._own, [Kind.CUSTOMERS], lambda each: is_odd(each) and each not in others, self._probes)
        self._inquiry.settle_refused(self._asked, known_gone=self._gone == taken_back)

    async def _a_few_are_gone(self) -> bool:
        """Return whether all of a small sample of those that may have been taken back are gone."""
        every = max(1, len(self._asked) // self._probes)
        number = 0

        def chosen(_: str) -> bool:
            nonlocal number
            number += 1
            return number % every == 1 % every

        await self._ask(self._asked, [Kind.CUSTOMERS], chosen, self._probes)
        return self._gone == len(self._asked) - self._asked.count(Whereabouts.UNASKED)

    async def _ask_migrated_elsewhere(self) -> None:
        """Read back the customers that another run migrated: their records go with them, whichever run sent these."""
        taken_back = self._reverts.customers
        if taken_back is None or self._gone < taken_back:
            async for part in self._parts(*OTHERS):
                if part.customer not in self._own:
                    self._migrated_elsewhere.add(part.customer)
        self._migrated_elsewhere.close()
        await self._ask(self._migrated_elsewhere, OTHERS)
        self._inquiry.settle_refused(self._migrated_elsewhere, known_gone=self._gone == taken_back)

    async def _check_migrated_elsewhere(self) -> None:
        """Check that those that are there were not taken back: the other run may have migrated them again since.

        They were not if as many are gone as the API says it took back, or if a person confirms it.

        Raises:
            ConfigurationError: it cannot be known.
        """
        there = self._migrated_elsewhere.count(Whereabouts.THERE)
        if not there or self._gone == self._reverts.customers or self._others_stayed:
            return
        place = str(self._state.path)
        command = f"{only_missing(self._journal, place)} {OTHERS_STAYED}"
        revert = revert_since(self._journal, self._reverts, place, self._clock.wall())
        raise ConfigurationError(
            f"{there:,} customers that another run migrated are in the account: it is not known whether they stayed,"
            " or were taken back and migrated again without what this run had sent for them",
            operation=_OPERATION,
            place=await self._place_of(self._migrated_elsewhere, {Whereabouts.THERE}),
            hint=f"if none of them was migrated again since the revert: {command}; if some were, first take these back"
            f" once more: {revert}; then start this same command, then the other run again, then masivo-stream"
            " retry here",
        )

    async def _ask(
        self,
        table: CustomerTable,
        kinds: Iterable[Kind],
        wanted: Callable[[str], bool] = lambda _: True,
        most: int | None = None,
    ) -> None:
        left = table.count(Whereabouts.UNASKED)
        left = left if most is None else min(left, most)
        if left:
            await self._inquiry.ask(self._customers(kinds, table, wanted, left), table, of=left)

    async def _customers(
        self,
        kinds: Iterable[Kind],
        table: CustomerTable,
        wanted: Callable[[str], bool] = lambda _: True,
        most: int = -1,
    ) -> AsyncIterator[str]:
        """Yield the customers of a table, in the sequence of the exports; some more than once."""
        async for part in self._parts(*kinds):
            if most and part.customer in table and wanted(part.customer):
                most -= table[part.customer] == Whereabouts.UNASKED
                yield part.customer

    async def _parts(self, *kinds: Kind) -> AsyncGenerator[Entry, None]:
        """Yield the accepted records of these kinds."""
        for kind in kinds:
            if kind in self._accepted:
                async for part in self._accepted[kind].parts():
                    yield part

    @property
    def _gone(self) -> int:
        return self._count(Whereabouts.GONE) + self._count(Whereabouts.REFUSED)

    def _count(self, known: Whereabouts) -> int:
        return self._asked.count(known) + self._migrated_elsewhere.count(known)

    @property
    def _probes(self) -> int:
        return self._settings.visible.evidence_probes

    @property
    def _young(self) -> float:
        """Seconds until the customers accepted last must show; 0 if they have been seen."""
        reached, sent = self._journal.read.reached(Kind.CUSTOMERS), self._journal.read.accepted_between(Kind.CUSTOMERS)
        if reached is None or sent is None or reached[1]:
            return 0.0
        age = (self._clock.wall() - sent[1]).total_seconds()
        longest = self._settings.visible.visible_timeout
        return max(0.0, min(longest, longest - age))

    async def _place_of(self, table: CustomerTable, wanted: set[Whereabouts]) -> str:
        """Return file and line of the first record whose customer is in one of these states."""
        async with aclosing(self._parts(*Kind)) as parts:
            async for part in parts:
                if table[part.customer] in wanted:
                    return "{}:{}".format(*part.record)
        return ""

    def _whereabouts(self, part: Entry) -> int:
        return self._asked[part.customer] or self._migrated_elsewhere[part.customer]

    async def _take(self) -> None:
        """Copy what was taken back, and make the copies inputs."""
        copies: list[TakenBackCopy] = []
        if self._gone:
            for kind in self._accepted:
                copies += await self._copy(kind)
        detail = ", ".join(f"{copy.records:,} records of {copy.kind}" for copy in copies) or "nothing was missing"
        if self.unreadable:
            left = Left(customers=self.unreadable, first=self._first_left)
            await self._journal.take_note(Note(NoteKind.NOT_KNOWN, msgspec.json.encode(left).decode()))
        what = NoteKind.MADE_UP_IN_PART if self.unread else NoteKind.MADE_UP
        with anyio.CancelScope(shield=True):
            await self._journal.take_back(copies, Note(what, detail))
        for copy in copies:
            self._observer.notify(TakenBack(kind=copy.kind, records=copy.records, items=copy.items))

    async def _copy(self, kind: Kind) -> list[TakenBackCopy]:
        """Copy what was taken back of a kind; return nothing if nothing was."""
        known = self._journal.read.sources(kind)
        tally = Tally(CONTRACTS[kind], self._journal.read.figures(kind))
        name = f"taken-back-{1 + sum(source.is_copy for source in known)}.{kind}.ndjson"
        at = self._clock.wall().isoformat(timespec="milliseconds")
        accepted = records = items = 0
        with self._state.creating(name) as write:
            async for part in self._parts(kind):
                accepted += part.items
                if self._whereabouts(part) != Whereabouts.GONE:
                    continue
                records, items = records + 1, items + part.items
                tally.taken_back(part, Reason.TAKEN_BACK)
                held = kind is not Kind.CUSTOMERS and part.customer not in self._own
                customer = hash_customer(part.customer, self._salt)
                write([write_taken_back(part, at=at, customer=customer, held=held)])
            self._check(kind, accepted)
        if not records:
            self._state.remove(name)
            return []
        path = self._state.path / name
        identity = encode_identity(take_identity(str(path)))
        source = KnownSource(len(known), name, path.stat().st_size, identity, is_copy=True)
        return [TakenBackCopy(kind, source, tally.figures(seconds=0.0), records, items)]

    def _check(self, kind: Kind, items: int) -> None:
        """Check that everything that was accepted was found in the exports.

        Raises:
            InputError: some was not, so it might be left out.
        """
        figures = self._journal.read.figures(kind)
        accepted = 0 if figures is None else figures.items.get(RecordOutcome.ACCEPTED.name, 0)
        if items != accepted:
            raise InputError(
                f"the run has sent {accepted:,} items of {kind}, but its exports, validated as they are now, hold"
                f" {items:,}",
                operation=_OPERATION,
                hint="use the settings that the run was started with",
            )


def check_run_exists(settings: Settings) -> None:
    """Check that there is a run in the state directory, without making one.

    Raises:
        ConfigurationError: there is no run.
    """
    place = Path(settings.state.state_dir)
    if (place / StateDir.JOURNAL).exists():
        return
    aside = any(place.glob("reverted-*"))
    raise ConfigurationError(
        "all of the run was taken back" if aside else "there is no run in this state directory",
        operation=_OPERATION,
        place=str(place),
        hint="name the exports, without --only-missing: the run starts from the beginning"
        if aside
        else "name the migration's --state-dir",
    )


class Outside:
    """The lines of customers that were certainly not migrated in any of the given periods."""

    def __init__(self, journal: JournalReader, periods: Iterable[RevertPeriod], slack: float) -> None:
        """Read the batches from `journal`. A customer is migrated at most `slack` seconds after it was sent.

        Clocks differ by no more than that either. Batches whose lines are not known (version 0.1.0 kept none) are not
        among them.
        """
        around = timedelta(seconds=slack)
        moment = datetime.fromisoformat
        spans = [(moment(each.start) - around, min(moment(each.end), moment(each.at)) + around) for each in periods]
        first = min((sent for kind, sent, _, _ in journal.sent() if kind == Kind.CUSTOMERS), default=None)
        stretches: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for lines, sent, settled, found in journal.customers_sent():
            began = first or sent if found else sent
            if lines is not None and not any(began <= end and begin <= settled for begin, end in spans):
                for source, low, high in lines:
                    stretches[source].append((low, high))
        self._stretches = {source: sorted(each) for source, each in stretches.items()}

    def __contains__(self, place: tuple[int, int]) -> bool:
        """Return whether a line, given as source and number, is one of them."""
        source, line = place
        stretches = self._stretches.get(source, [])
        index = bisect_right(stretches, (line, line)) - 1
        return any(low <= line <= high for low, high in stretches[max(index, 0) : index + 2])
