"""Isolate the bad records of a refused batch, and deliver the good ones: group testing on a budget of requests.

**Premise**, from the contract's decisions: a refused request applied nothing. So one thing is known about a refused
set: it holds a *culprit*, an entry for which it is refused. The same set is never sent again. Entries that were
accepted have arrived and are never sent again either.

**Splitting.** The suspects are split in two parts, and the left part is sent. If it is accepted, the culprit is in the
right part, and no request is needed to know that. If it is refused, nothing is known about the right part. So the first
culprit in order is found after ⌈log2 n⌉ requests, and all entries before it have arrived; their number says how far
apart culprits are.

* If further culprits are likely, the next group to send is the largest power of two within that distance (F. K. Hwang,
  "A method for detecting all defective members in a population by group testing", JASA 67, 1972). A longer run of
  accepted entries makes the groups grow.
* If they are unlikely, the untested rest goes back to the packer and travels in full batches with other entries (Du and
  Hwang, "Combinatorial Group Testing and Its Applications", 2nd ed., chapter 2).

**Proof.** An entry that is refused alone is a culprit, and so is the last suspect of a set, by elimination. If nothing
but the whole batch was refused, the last suspect is sent alone once: the refusal may not have been about a record.

**Names.** If a refusal names entries, the suspects are sent without them.

1. Accepted: a culprit is among the named. A single named entry is the culprit; several are sent alone, one by one.
2. Refused, with a further name: the same again. As soon as a later name of such a series is proven, the earlier single
   names of the series are believed, so that a culprit costs one request. A server that names by path or id is trusted
   that far and no further.
3. Refused without a name, or a named entry is accepted alone: no name of this isolation counts any more.

Entries named by a mere index are sent alone, as it may be an index inside a record. After `MOST_NAMED` names without a
proof the newest is sent alone, and a refusal that names more than that counts as one without names. So wrong names cost
at most twice `MOST_NAMED` requests per isolation.

**Price.** With d culprits and no wrong names, at most 11 d + 1 requests are sent beyond ⌈items / 1000⌉, as long as all
batches but the last are full.

Proof, counted in items, with a request as 1000. Each culprit earns the credit of 11 requests, and each request sent
here costs one. A rest that is handed back costs its items if its batch was full (the room it takes from other entries),
otherwise a request of its own. So the packer's batches are paid for, but for one rounding of less than a request.
Unused credit is passed to the next isolation, and the first one starts with a request's worth. It remains to show that
credit always covers the rest:

* The first culprit among up to 1000 entries takes 10 requests, and its 11 pay for them and for the rest. Or it takes
  11, because it was sent alone; then everything else was accepted and there is no rest.
* A further group is sent only if credit covers both that it is accepted and the rest after it. If it is refused, its
  culprit is one of at most 512, is found with 1 + 9 requests, and earns 11.
"""

import enum
from collections.abc import Iterable, Sequence

from masivo_stream.model.results import Entry

REQUEST = 1000
"""The price of a request in items: as many as it can carry (`model.contract`)."""

CREDIT_A_CULPRIT = 11 * REQUEST
"""Ten requests to find a culprit among 1000 entries (⌈log2 1000⌉), and one for the rest."""

FIRST_CREDIT = REQUEST
"""What the first isolation of a run may spend beyond what its culprits earn."""

MOST_NAMED = 8
"""Names that count at once, and names in a row that count without a proof: a broken server may name the whole batch."""

LARGEST_GROUP = 512
"""Entries in a group after the first culprit. The culprit of a group must not cost more than it earns: 1 + log2 512."""

LIKELY = 3
"""A further culprit is likely if the untested rest is this many times as long as the distance between culprits."""


class _Question(enum.Enum):
    """The question that sending `part` answers."""

    HALF = enum.auto()
    """Is the culprit in this part of the suspects?"""
    WITHOUT = enum.auto()
    """Are all culprits among the named? (The suspects without the named are sent.)"""
    NEWEST = enum.auto()
    """Are the names of this series true? (The newest is sent alone.)"""
    UNSURE = enum.auto()
    """Is this entry a culprit, too, which was named together with one, or not surely?"""
    GROUP = enum.auto()
    """Is a culprit among the next entries of the untested rest?"""
    NONE = enum.auto()


class Isolation:
    """Isolate one refused batch.

    Until `done`: send `part`, give the result to `settle`, and make dead letters of what `take_culprits` returns. Then
    hand `rest` back to the packer and pass `credit` on to the next isolation.
    """

    def __init__(
        self, entries: Sequence[Entry], named: Iterable[Entry] = (), *, surely: bool = True, credit: int = 0
    ) -> None:
        """Start with a set that must hold a culprit, such as a refused batch.

        A set of one entry counts as refused alone. An entry that was only left over by elimination belongs to the
        packer instead.

        Args:
            entries: the set.
            named: the entries that the refusal names.
            surely: the names can mean nothing else (`named.NamedEntries.surely`).
            credit: left over by the isolation before; `FIRST_CREDIT` for the first.
        """
        self._entries = tuple(entries)
        self._numbers = {id(entry): number for number, entry in enumerate(self._entries)}
        self._full = sum(entry.items for entry in self._entries) >= REQUEST
        self._about_records = len(self._entries) == 1
        """Whether refusals are known to be about records: a part was refused, or a named entry turned out to be bad."""
        # All lists below hold indexes of `entries`. An entry that is neither accepted nor proven bad is in one of the
        # first four lists.
        self._suspects = list(range(len(self._entries)))
        """A culprit is among them."""
        self._untested: list[int] = []
        """Nothing is known about them."""
        self._series: list[int] = []
        """Each was named alone and surely by a refusal, and has been left out since."""
        self._unsure: list[int] = []
        """Named together with others, or not surely: they are sent alone."""
        self._named: list[int] = []
        """The suspects that the latest refusal names."""
        self._culprits: list[int] = []
        self._part: list[int] = []
        self._question = _Question.NONE
        self._heeds_names, self._by_name = True, False
        self._found, self._cleared, self._run = 0, 0, 0  # culprits, accepted entries, and those since the last culprit
        self._given, self._credit = credit, credit
        self._named, self._surely = self._believable(named), surely
        self._go_on()

    @property
    def done(self) -> bool:
        """Whether nothing is left to send."""
        return self._question is _Question.NONE

    @property
    def part(self) -> list[Entry]:
        """The entries to send next, none when `done`."""
        return self._pick(self._part)

    @property
    def left(self) -> list[Entry]:
        """Entries outside of `part` that are neither accepted nor proven bad, in the order of the batch."""
        return self._pick(sorted({*self._open()}.difference(self._part)))

    @property
    def rest(self) -> list[Entry]:
        """When `done`: the entries about which nothing is known, for the packer."""
        return self.left

    @property
    def credit(self) -> int:
        """When `done`: the credit left for the next isolation. An isolation that found no culprit costs nothing."""
        return self._credit - self._price(self._open()) if self._found else self._given

    def take_culprits(self) -> list[Entry]:
        """Return the entries that were proven bad since the last call."""
        taken, self._culprits = self._culprits, []
        return self._pick(taken)

    def settle(self, *, accepted: bool, named: Iterable[Entry] = (), surely: bool = True) -> None:
        """Take the result of sending `part`; `named` are the entries that a refusal names, `surely` or not."""
        self._credit -= REQUEST
        if accepted:
            self._clear()
        else:
            self._about_records = True
            self._suspect(self._believable(named), surely=surely)
        self._go_on()

    # What an answer means.

    def _clear(self) -> None:
        """Note that `part` was accepted. If it was a part of the suspects, a culprit is among the others."""
        self._cleared += len(self._part)
        self._run += len(self._part)
        self._suspects, self._untested, self._unsure = (
            _without(numbers, self._part) for numbers in (self._suspects, self._untested, self._unsure)
        )
        match self._question:
            case _Question.WITHOUT:  # the suspects are the named ones now
                self._named, self._by_name, self._about_records = [], True, True
            case _Question.NEWEST | _Question.UNSURE:
                self._disbelieve()
            case _:
                pass

    def _suspect(self, named: list[int], *, surely: bool) -> None:
        """Note that a culprit is in `part`, since it was refused."""
        others = _without(self._suspects, self._part)
        match self._question:
            case _Question.WITHOUT:
                (self._series if len(self._named) == 1 and self._surely else self._unsure).extend(others)
            case _Question.HALF if self._by_name:
                self._unsure = others + self._unsure
            case _Question.HALF:
                self._untested = others + self._untested
            case _Question.NEWEST:
                self._untested, self._by_name = others + self._untested, True
            case _:
                self._untested, self._unsure = (_without(those, self._part) for those in (self._untested, self._unsure))
        self._suspects, self._named, self._surely = self._part, named, surely
        if self._question is _Question.WITHOUT and not named:
            self._disbelieve()

    def _believable(self, named: Iterable[Entry]) -> list[int]:
        """Return the named entries that are suspects; none if the names are not believable."""
        suspects = set(self._part or self._suspects)
        numbers = {self._numbers[id(entry)] for entry in named if id(entry) in self._numbers} & suspects
        credible = self._heeds_names and len(numbers) <= MOST_NAMED and len(numbers) < len(suspects)
        return sorted(numbers) if credible else []

    def _disbelieve(self) -> None:
        """Stop using names, as one was wrong: entries that were named are untested like all others."""
        self._untested += self._series + self._unsure
        self._series, self._unsure, self._named = [], [], []
        self._heeds_names = self._by_name = False

    # What to ask next.

    def _go_on(self) -> None:
        if len(self._suspects) == 1 and self._about_records:
            self._prove()
        self._question = self._ask()
        match self._question:
            case _Question.HALF:
                first = 1 if self._by_name else first_part(len(self._suspects))
                self._part = self._suspects[:first]
            case _Question.WITHOUT:
                self._part = _without(self._suspects, self._named)
            case _Question.NEWEST:
                self._part = self._named[:1]
            case _Question.UNSURE:
                self._part = self._unsure[:1]
            case _Question.GROUP:
                self._part = self._untested[: self._group()]
            case _Question.NONE:
                self._part = []

    def _ask(self) -> _Question:
        if self._named:
            lasting = len(self._series) + len(self._unsure) >= MOST_NAMED
            return _Question.NEWEST if lasting else _Question.WITHOUT
        if self._suspects:
            return _Question.HALF
        if self._unsure:
            return _Question.UNSURE
        return _Question.GROUP if self._worth_a_group() else _Question.NONE

    def _prove(self) -> None:
        """Note that the last suspect is a culprit, and with it the earlier names of its series."""
        proven = self._series + self._suspects
        self._culprits += proven
        self._found += len(proven)
        self._credit += len(proven) * CREDIT_A_CULPRIT
        self._suspects, self._series, self._named, self._run = [], [], [], 0

    # Whether it pays to go on.

    @property
    def _distance(self) -> int:
        """Accepted entries per culprit so far, or the accepted entries since the last culprit if these are more."""
        return max(1, self._cleared // self._found, self._run)

    def _group(self) -> int:
        """Return how many of the untested entries to send, so that about half of such groups hold a culprit.

        If credit covers only one group that is accepted, the group is four times as large: it then holds a culprit more
        likely than not, and a culprit earns new credit.
        """
        size = 1 << (self._distance.bit_length() - 1)
        rich = self._credit - 2 * REQUEST >= self._price(self._untested)
        return size if rich else min(4 * size, LARGEST_GROUP)

    def _worth_a_group(self) -> bool:
        """Return whether a further culprit is likely, and credit covers the requests if there is no other."""
        if not self._found or self._by_name:  # a culprit that the server names costs one request in any batch
            return False
        likely = len(self._untested) >= LIKELY * self._distance
        return likely and self._credit - REQUEST >= self._price(self._untested[self._group() :])

    def _price(self, rest: Sequence[int]) -> int:
        """Return what handing back `rest` costs: room in other full batches, otherwise a request of its own."""
        items = sum(self._entries[number].items for number in rest)
        return min(items, REQUEST) if self._full else REQUEST * bool(rest)

    def _open(self) -> list[int]:
        return [*self._suspects, *self._untested, *self._series, *self._unsure]

    def _pick(self, numbers: Iterable[int]) -> list[Entry]:
        return [self._entries[number] for number in numbers]


def first_part(count: int) -> int:
    """Return how many of `count` suspects to send first, so that each is found with ⌈log2 count⌉ requests or one less.

    If `count` is not a power of two, some suspects can be found with one request less. These are in front, as a
    culprit far in front is a sign of many. With k = ⌈log2 count⌉, the right part may hold at most 2^(k-1) suspects. The
    left part is as small as that allows, but no smaller than 2^(k-2), which would save nothing.
    """
    full = 1 << (count - 1).bit_length()
    return max(full // 4, count - full // 2, 1)


def _without(numbers: Sequence[int], those: Iterable[int]) -> list[int]:
    taken = set(those)
    return [number for number in numbers if number not in taken]
