"""Find the entries for which a batch is refused, and set the rest free: group testing under a price.

Premise, from the contract's decisions: a refused request applied nothing. So of a refused set one thing is known, that
a culprit is among it, and it is never sent again as the same set; what was accepted has arrived, and is never sent
again at all.

**Splitting.** Suspects are split left to right: part accepted, the culprit is in the other part, which need not be sent
to know it; part refused, nothing is known of the other part. So the culprit found is the first one in order, after
⌈log2 n⌉ requests, and all before it have arrived: how many these are tells how far apart culprits stand. Are further
ones likely, the next group is the largest power of two within that distance (F. K. Hwang, "A method for detecting all
defective members in a population by group testing", JASA 67, 1972); a longer run of accepted entries makes groups grow.
Are they unlikely, the untested rest goes back to the packer and travels in full batches with others. (Du and Hwang,
"Combinatorial Group Testing and Its Applications", 2nd ed., chapter 2.)

**Proof.** An entry refused alone is a culprit, and so is the last suspect of a set, by elimination. Only where nothing
but the whole batch was refused, the last one is sent alone once: the refusal may not have been about a record.

**Names.** Where a refusal names entries, the suspects are sent without them. Accepted: the named hold a culprit; a
single one is it, several are sent alone, one by one. Refused, with a further name: the same again. Earlier single names
are believed as soon as a later name of the series is proven, so a culprit costs one request: that much, and no more, a
server is trusted that names by path or id. Those named by a mere index, which may be one inside a record, are sent
alone. Refused without a name, or a named entry is accepted alone: the names of this isolation are heeded no more. After
`MOST_NAMED` names without a proof the newest is sent alone, and a refusal that names more than that is taken as one
that names nobody. So wrong names cost at most twice `MOST_NAMED` requests an isolation.

**Price.** With d culprits, and no wrong names, at most 11 d + 1 requests are sent beyond ⌈items / 1000⌉, in any case,
as long as all batches but the last are full. Proof: count in items, a request as 1000. Each culprit brings 11 requests
of credit; each request sent here takes one; a rest handed back takes its items if its batch was full (the room of
others), else a request of its own. So the packer's batches are paid for, but for one rounding, which is less than a
request. Credit left over goes on to the next isolation, and the first one has a request's worth. It is left to show
that credit always covers the rest. The first culprit of up to 1000 takes 10 requests, and what it brings pays for them
and the rest; or it takes 11, being sent alone, and then all else was accepted and there is no rest. A further group is
sent only if credit covers that it is accepted, and the rest after it; if it is refused, its culprit is one of at most
512, found with 1 + 9 requests, and brings 11.
"""

import enum
from collections.abc import Iterable, Sequence

from masivo_stream.model.results import Entry

REQUEST = 1000
"""What a request is worth, in items: the most that it carries (`model.contract`)."""

CREDIT_A_CULPRIT = 11 * REQUEST
"""Ten requests to find it among 1000, and one for the rest."""

FIRST_CREDIT = REQUEST
"""What the first isolation of a run may spend beyond what its culprits bring."""

MOST_NAMED = 8
"""Names heeded at once, and names in a row heeded without a proof: a broken server may name the whole batch."""

LARGEST_GROUP = 512
"""The culprit of a group must not cost more than it brings."""

LIKELY = 3
"""A further culprit is likely where the untested rest is so many times as long as culprits stand apart."""


class _Question(enum.Enum):
    """What sending `part` asks."""

    HALF = enum.auto()
    """Is the culprit in this part of the suspects?"""
    WITHOUT = enum.auto()
    """Are all culprits among the accused? The suspects without them."""
    NEWEST = enum.auto()
    """Are the names of this series true? Its newest, alone."""
    UNSURE = enum.auto()
    """Is this one, named together with a culprit, one as well?"""
    GROUP = enum.auto()
    """Is a culprit among the next of the untested?"""
    NONE = enum.auto()


class Isolation:
    """Ask `part` what to send, tell `settle` what came of it, bury what `take_culprits` gives, until `done`."""

    def __init__(
        self, entries: Sequence[Entry], named: Iterable[Entry] = (), *, surely: bool = True, credit: int = 0
    ) -> None:
        """Start from a set that must hold a culprit, such as a refused batch; `accused` are those the refusal names.

        `surely`: so that nothing else can be meant.

        A set of one is taken as refused alone; one that was left by elimination is rather for the packer. `credit` is
        what the isolation before had left over, `FIRST_CREDIT` for the first.
        """
        self._entries = tuple(entries)
        self._numbers = {id(entry): number for number, entry in enumerate(self._entries)}
        self._full = sum(entry.items for entry in self._entries) >= REQUEST
        self._about_records = len(self._entries) == 1
        """A refusal was about a record: a part was refused, or a refusal named an entry and that was borne out."""
        # All lists below hold numbers in `entries`; an entry without a fate is in one of the first four.
        self._suspects = list(range(len(self._entries)))
        """A culprit is among them."""
        self._untested: list[int] = []
        self._series: list[int] = []
        """Each named alone, and surely, by a refusal, and left out since."""
        self._unsure: list[int] = []
        """Named together with others, or not surely: to be sent alone."""
        self._named: list[int] = []
        """The suspects that their own refusal names."""
        self._culprits: list[int] = []
        self._part: list[int] = []
        self._question = _Question.NONE
        self._heeds_names, self._by_name = True, False
        self._found, self._cleared, self._run = 0, 0, 0
        self._given, self._credit = credit, credit
        self._named, self._surely = self._believable(named), surely
        self._go_on()

    @property
    def done(self) -> bool:
        """Whether there is nothing more to send."""
        return self._question is _Question.NONE

    @property
    def part(self) -> list[Entry]:
        """The entries to send next, none when `done`."""
        return self._pick(self._part)

    @property
    def left(self) -> list[Entry]:
        """Entries that are not in `part` and have no fate, in the order of the batch."""
        return self._pick(sorted({*self._open()}.difference(self._part)))

    @property
    def rest(self) -> list[Entry]:
        """Once `done`: entries about which nothing is known, for the packer."""
        return self.left

    @property
    def credit(self) -> int:
        """Once `done`: what is left over for the next isolation. A refusal without a culprit takes nothing."""
        return self._credit - self._price(self._open()) if self._found else self._given

    def take_culprits(self) -> list[Entry]:
        """Return the entries that were proven bad since the last call."""
        taken, self._culprits = self._culprits, []
        return self._pick(taken)

    def settle(self, *, accepted: bool, named: Iterable[Entry] = (), surely: bool = True) -> None:
        """Take what became of `part`; `accused` are those its refusal names, `surely` or not."""
        self._credit -= REQUEST
        if accepted:
            self._clear()
        else:
            self._about_records = True
            self._suspect(self._believable(named), surely=surely)
        self._go_on()

    # What an answer means.

    def _clear(self) -> None:
        """Take that `part` arrived. If it was some of the suspects, a culprit is among the others."""
        self._cleared += len(self._part)
        self._run += len(self._part)
        self._suspects, self._untested, self._unsure = (
            _without(numbers, self._part) for numbers in (self._suspects, self._untested, self._unsure)
        )
        match self._question:
            case _Question.WITHOUT:  # suspects are the accused now
                self._named, self._by_name, self._about_records = [], True, True
            case _Question.NEWEST | _Question.UNSURE:
                self._disbelieve()
            case _:
                pass

    def _suspect(self, named: list[int], *, surely: bool) -> None:
        """Take that a culprit is in `part`."""
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
        """Return the suspects to be believed of being named, or nobody."""
        suspects = set(self._part or self._suspects)
        numbers = {self._numbers[id(entry)] for entry in named if id(entry) in self._numbers} & suspects
        credible = self._heeds_names and len(numbers) <= MOST_NAMED and len(numbers) < len(suspects)
        return sorted(numbers) if credible else []

    def _disbelieve(self) -> None:
        """Names led nowhere: those who bear one are like all others, and no further one is heeded."""
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
        """The last suspect is a culprit; and what was named on the way to it is believed."""
        proven = self._series + self._suspects
        self._culprits += proven
        self._found += len(proven)
        self._credit += len(proven) * CREDIT_A_CULPRIT
        self._suspects, self._series, self._named, self._run = [], [], [], 0

    # Whether it pays to go on.

    @property
    def _distance(self) -> int:
        """How many accepted entries stand before a culprit, by what was seen here; the present run may be longer."""
        return max(1, self._cleared // self._found, self._run)

    def _group(self) -> int:
        """Return how many of the untested to send: half of such groups hold a culprit.

        But hardly any is to be free of one where credit covers only one that is: a culprit brings more.
        """
        size = 1 << (self._distance.bit_length() - 1)
        rich = self._credit - 2 * REQUEST >= self._price(self._untested)
        return size if rich else min(4 * size, LARGEST_GROUP)

    def _worth_a_group(self) -> bool:
        """Tell whether a further culprit is likely, and credit covers that there is none."""
        if not self._found or self._by_name:  # who is named costs one request wherever it travels
            return False
        likely = len(self._untested) >= LIKELY * self._distance
        return likely and self._credit - REQUEST >= self._price(self._untested[self._group() :])

    def _price(self, rest: Sequence[int]) -> int:
        """Return what it takes to hand back `rest`: the room of others in full batches, else a request of its own."""
        items = sum(self._entries[number].items for number in rest)
        return min(items, REQUEST) if self._full else REQUEST * bool(rest)

    def _open(self) -> list[int]:
        return [*self._suspects, *self._untested, *self._series, *self._unsure]

    def _pick(self, numbers: Iterable[int]) -> list[Entry]:
        return [self._entries[number] for number in numbers]


def first_part(count: int) -> int:
    """Return how many of `count` suspects to send first, so that each is found with ⌈log2 count⌉ requests or one less.

    Those found with one less stand in front: a culprit far in front is a sign of many.
    """
    full = 1 << (count - 1).bit_length()
    return max(full // 4, count - full // 2, 1)


def _without(numbers: Sequence[int], those: Iterable[int]) -> list[int]:
    taken = set(those)
    return [number for number in numbers if number not in taken]
