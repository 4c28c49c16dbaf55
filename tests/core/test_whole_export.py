"""The checks over all exports find what a person with endless memory finds: no more, no less, in whatever parts."""

import json
from array import array
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_checks import NaiveChecks

from masivo_stream.core.checks.amounts import EXACT, all_millionths, hides_digits, in_units, millionths
from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.confirm import confirm, places_to_read, take_unread
from masivo_stream.core.checks.find import Scope, Suspicion, find
from masivo_stream.core.checks.find_repeated import find_emails, repeated_ids
from masivo_stream.core.checks.lean_records import read_exactly
from masivo_stream.core.checks.look_at_lines import LineChecks
from masivo_stream.core.checks.note_format import Lines, where
from masivo_stream.core.checks.take_notes import NoteTaker
from masivo_stream.core.checks.totals import TotalsOfFile
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import KnownIds
from masivo_stream.core.reading.hold_back import reject_lines
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import PLAUSIBILITY, CheckName, ExportFault, LinePlace
from masivo_stream.model.results import LineRun

REWARDS = (
    "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65",
    "EC9A5BFB-C2F1-4CF0-B509-247E47B96B65",
    "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
)
AMOUNTS = (
    "1",
    "-1",
    "2",
    "0.1",
    "0.2",
    "0.3",
    "-0.1",
    "0.30000000000000004",
    "1e-7",
    "3e300",
    "-3e300",
    "12345678901.25",
    "10",
    "10.000000000000000000000000001",
    "-10.00000000000000000000000000",
    "1e-400",
    "-0",
    "1E+1",
    "1234567890123456789012345678901234567890",
    "1234567890123456789012345678901234567891",
    "1e308",
    "0.1000000000000000055511151231257827",
    "9007199254740993",
)
MOMENTS = (
    *("2024-01-30T17:50:19Z", "2019-12-31T00:00:00Z", "2019-12-30T23:59:59.999999Z", "2019-12-31T01:00:00+01:30"),
    *("2019-12-30T19:00:00-05:00", "2019-12-30T10:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00+14:00"),
)
"""Around a day before a registration on 2020-01-01; and the first and the last of all."""
NOW = datetime(2024, 7, 1, tzinfo=UTC)

ids = st.sampled_from(["c1", "c2", "c3"])
amounts = st.lists(st.tuples(st.sampled_from(REWARDS), st.sampled_from(AMOUNTS)), max_size=3)


def customer(name, email, balance, sort, when=MOMENTS[0]):
    head = '"name":"Ana",' if sort != "dead" else ""
    tail = "" if balance is None else f',"balance":{listed(balance)}'
    mark = ',"deleted":true' if sort == "deleted" else ""
    when = f'"registration_date":"{when}"'
    return f'{{"id":"{name}",{head}"email":"{email}",{when}{tail}{mark}}}'


def listed(found, extra=""):
    parts = (f'{{"reward_id":"{reward}","amount":{amount}{extra}}}' for reward, amount in found)
    return f"[{','.join(parts)}]"


def transactions(name, found, faulty, when=MOMENTS[0]):
    extra = f',"type":"{"NONE" if faulty else "TRANSFER"}","issued_at":"{when}"'
    return f'{{"id":"{name}","transactions":{listed(found, extra)}}}'


PRODUCTS = '"products":[{"sku":"a","amount":1,"value":1}]'
FULFILLED = '"fulfilled":true,"resolved_at":null,"brand_id":null'


def events(name, bought, when=MOMENTS[0]):
    each = (
        f'{{"type":"PURCHASE","order":{{"purchase_id":"{purchase}","value":{value},"discounted_value":1,{PRODUCTS},'
        f'"payment_method":"CASH"}},"issued_at":"{when}",{FULFILLED}}}'
        for purchase, value in bought
    )
    return f'{{"id":"{name}","events":[{",".join(each)}]}}'


lines = st.fixed_dictionaries(
    {},
    optional={
        Kind.CUSTOMERS: st.lists(
            st.builds(
                customer,
                ids,
                st.sampled_from(["a@x.co", "A@x.co", "a@X.co", "b@x.co"]),
                st.none() | amounts,
                st.sampled_from(["good", "good", "good", "dead", "deleted"]),
                st.sampled_from(["2020-01-01T00:00:00Z", *MOMENTS]),
            ),
            max_size=6,
        ),
        Kind.EVENTS: st.lists(
            st.builds(
                events,
                ids,
                st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from(["1", "2"])), min_size=1, max_size=3),
                st.sampled_from(MOMENTS),
            ),
            max_size=4,
        ),
        Kind.TRANSACTIONS: st.lists(
            st.builds(
                transactions,
                ids,
                amounts.filter(bool),
                st.sampled_from([False, False, False, False, True]),
                st.sampled_from(MOMENTS),
            ),
            max_size=5,
        ),
    },
)


class Forgetful:
    """A memory of customers that is full: it knows none of those that came before."""

    def note(self, _customer, _email=None):
        return None

    def note_all(self, _customers, _emails):
        return {}

    def __contains__(self, _customer):
        return False


class Machine:
    """The checks in memory: every line has a file of its own, so that places differ."""

    def __init__(self, kinds, parts, known=None, dead=(), hashed=None):
        self.known, self.dead = known, {str(number): frozenset({1}) for number in dead}
        self.files = {(kind, str(number)): number for kind, number in kinds}
        self.parts = [array("q") for _ in range(parts)]
        self.collector = Collector(1000)
        self.lines = LineChecks(self.collector, NOW)
        sink = lambda part, numbers: self.parts[part].extend(numbers)  # noqa: E731
        self.notes = NoteTaker(parts, sink, self.files, self.lines, hashed)
        self.bodies = {}

    def check(self, exports):
        for kind in Kind:
            decoder = Decoder(Rules(kind=kind, max_line_bytes=100_000), self.known or KnownIds(capacity=1000))
            for number, body in exports.get(kind, ()):
                run = LineRun(1, [body], [0], body)
                found = decoder.validate_all([run], str(number), 0)
                self.notes.take(kind, reject_lines(found, self.dead) if self.dead else found)
                self.bodies[LinePlace(number, 1, 0, len(body))] = body
        self.notes.flush()
        self.lines.finish()
        scope = Scope(Kind.CUSTOMERS in exports, Kind.TRANSACTIONS in exports)
        collector = self.collector
        repeated = Lines(where for part in self.parts for where in repeated_ids(part))
        emails = [fault for part in self.parts for fault in self.confirm(find_emails(part, repeated))]
        same = [fault.place for fault in emails if fault.check is CheckName.DUPLICATE_EMAIL]
        dead = Lines(where(place.source, place.line) for place in same)
        collector.add(emails)
        for part in self.parts:
            collector.add(self.confirm(find(part, scope, dead=dead)))
        return sorted(
            (
                (
                    fault.check.value,
                    fault.place.source,
                    tuple(other.source for other in fault.others),
                    fault.sums and (fault.sums.reward, fault.sums.balance, fault.sums.transactions),
                    fault.holds_first if fault.check is CheckName.SPLIT_TRANSACTIONS else fault.item,
                    fault.field,
                )
                for check in collector.counts
                for fault in collector.first(check)
            ),
            key=repr,
        )

    def confirm(self, suspicions):
        for suspicion in suspicions:
            again = {place: read_exactly(self.bodies[place]) for place in places_to_read(suspicion)}
            yield from confirm(suspicion, again)


def number_lines(chosen):
    """Return the lines of each kind with a number of their own, in reading order."""
    numbered, count = {}, 0
    for kind in Kind:
        if kind in chosen:
            numbered[kind] = [(count + place, line.encode()) for place, line in enumerate(chosen[kind])]
            count += len(chosen[kind])
    return numbered


def naive(exports):
    oracle = NaiveChecks(exports.keys(), NOW)
    for kind, numbered in exports.items():
        for number, body in numbered:
            oracle.take(kind, body, number)
    return oracle.finish()


def machine(exports, parts, **options):
    lines_ = [(kind, number) for kind, numbered in exports.items() for number, _ in numbered]
    return Machine(lines_, parts, **options)


@given(lines, st.integers(1, 5), st.booleans())
def test_exactly_the_planted_faults_are_found(chosen, parts, forgets):
    """What the machine finds is what dictionaries of whole records find, with the same places and sums.

    Nothing depends on what the decoder remembers.
    """
    exports = number_lines(chosen)
    assert machine(exports, parts, known=Forgetful() if forgets else None).check(exports) == naive(exports)


def test_the_balance_of_a_duplicate_does_not_count():
    """It must not hide that the transactions differ from the balance of the record that is sent.

    The decoder has forgotten the first record; else it would reject the duplicate itself.
    """
    booked = [(REWARDS[0], "1"), (REWARDS[2], "2")]
    exports = number_lines(
        {
            Kind.CUSTOMERS: [
                customer("c1", "a@x.co", [(REWARDS[0], "1"), (REWARDS[2], "1")], "good"),
                customer("c1", "b@x.co", [(REWARDS[0], "5"), (REWARDS[2], "1")], "good"),
            ],
            Kind.TRANSACTIONS: [transactions("c1", booked, faulty=False)],
        }
    )
    found = machine(exports, 1, known=Forgetful()).check(exports)
    assert [each[:3] for each in found] == [("balance_mismatch", 2, (0,)), ("duplicate_id", 1, (0,))]
    assert found == naive(exports)


def test_a_customer_with_a_faulty_line_is_not_compared():
    """The faulty line is a dead letter of its own, and what is left of the sum says nothing."""
    balance = customer("c1", "a@x.co", [(REWARDS[0], "3")], "good")
    faulty = transactions("c1", [(REWARDS[0], "2")], faulty=True)
    exports = number_lines({Kind.CUSTOMERS: [balance], Kind.TRANSACTIONS: [faulty]})
    assert machine(exports, 1).check(exports) == naive(exports) == []


@pytest.mark.parametrize(("good", "waits"), [("2", True), ("3", False)])
@pytest.mark.parametrize("faulty_first", [True, False])
def test_a_good_line_waits_for_the_faulty_one(good, waits, faulty_first):
    """It is held back, unless it adds up to the balance alone: the other line could never follow."""
    lines_ = [transactions("c1", [(REWARDS[0], "1")], faulty=True), transactions("c1", [(REWARDS[0], good)], False)]
    exports = number_lines(
        {
            Kind.CUSTOMERS: [customer("c1", "a@x.co", [(REWARDS[0], "3")], "good")],
            Kind.TRANSACTIONS: lines_ if faulty_first else lines_[::-1],
        }
    )
    found = machine(exports, 1).check(exports)
    assert found == naive(exports) == ([("split_transactions", 2, (1,), None, True, "")] if waits else [])


BROKEN = [
    (lambda line: line.replace("{", '{"id":"c2",', 1), True),
    (lambda line: line.replace('"c1"', '"c1","id":"c2"', 1), True),
    (lambda line: line.replace('"c1"', '"c1","\\u0069d":"c2"', 1), True),
    (lambda line: line.replace("{", '{"id":"c1",', 1), True),
    (lambda line: line.replace("{", '{"id":5,', 1), True),
    (lambda line: line.replace("{", '{"note":"caf\xe9",', 1), True),
    (lambda line: line.replace("[{", '[{"details":"caf\xe9",', 1), True),
    (lambda line: line.replace('"amount":1', '"amount":"1"'), True),
    (lambda line: line.replace('"c1"', '"c1\xe9"', 1), False),
    (lambda line: line.replace('"c1"', '"c2"', 1).replace('"amount":1', '"amount":"1"'), False),
    (lambda line: line[:-1], False),
]
"""Ways to break a line of transactions of c1, each with whether it may still be of c1."""


@pytest.mark.parametrize(("spoil", "waits"), BROKEN)
def test_a_good_line_waits_for_one_that_may_be_of_the_same_customer(spoil, waits):
    """Whatever is wrong with the other line; nothing waits for a line whose customer cannot be read."""
    line = transactions("c1", [(REWARDS[0], "1")], faulty=False)
    exports = {
        Kind.CUSTOMERS: [(0, customer("c1", "a@x.co", [(REWARDS[0], "3")], "good").encode())],
        Kind.TRANSACTIONS: [
            (1, transactions("c1", [(REWARDS[0], "2")], False).encode()),
            (2, spoil(line).encode("latin-1")),
        ],
    }
    found = [each[:3] for each in machine(exports, 1).check(exports)]
    assert found == [("split_transactions", 2, (1,)) if waits else ("balance_mismatch", 1, (0,))]


@pytest.mark.parametrize(
    ("balance", "equal"),
    [
        ("10.000000000000000000000000001", False),
        ("9.99999999999999999999999999999999999", False),
        ("100000000000000000000000000000000000001e-37", False),
        ("10.00000000000000000000000000", True),
        ("1E+1", True),
        ("0.1e2", True),
    ],
)
def test_a_balance_is_compared_by_all_its_digits(balance, equal):
    """The double of each is 10, which is what the transactions add up to. Beside it is a balance that is nearly 0."""
    for tiny in ("0", "-0", "1e-400"):
        balances = [(REWARDS[0], balance), (REWARDS[2], tiny)]
        exports = number_lines(
            {
                Kind.CUSTOMERS: [customer("c1", "a@x.co", balances, "good")],
                Kind.TRANSACTIONS: [transactions("c1", [(REWARDS[0], "10")], faulty=False)],
            }
        )
        found = machine(exports, 1).check(exports)
        assert found == naive(exports)
        assert len([each for each in found if each[0] == "balance_mismatch"]) == (not equal) + (tiny == "1e-400")


@given(lines)
def test_a_hash_collision_is_not_a_finding(chosen):
    """If all hashes are equal, nothing is reported that is not in the lines."""
    exports = number_lines(chosen)
    found = machine(exports, 3, hashed=lambda _: 7).check(exports)
    comparable = {"duplicate_id", "split_transactions", "duplicate_email", "email_case"}
    for word, place, (other, *_), *_ in (each for each in found if each[0] in comparable):
        bodies = {number: json.loads(body) for numbered in exports.values() for number, body in numbered}
        one, two = bodies[place], bodies[other]
        if word in ("duplicate_id", "split_transactions"):
            assert one["id"] == two["id"]
        else:
            assert one["email"].lower() == two["email"].lower()
    one_by_one = {"before_registration", *PLAUSIBILITY}
    assert {each for each in found if each[0] in one_by_one} <= set(naive(exports))
    balanced = {each for each in naive(exports) if each[3] is not None}
    ids_ = {json.loads(body)["id"] for numbered in exports.values() for _, body in numbered}
    assert len(ids_) > 1 or {each for each in found if each[3] is not None} <= balanced


ZONES = ("Z", "+00:00", "-05:00", "-03:30", "+05:45", "+14:00", "-12:00")


@given(st.integers(-150, 150), st.integers(0, 1439), st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_dates_near_a_registration_are_compared_exactly(minutes, minute, zone, other):
    """An event is found if it is more than a day before the registration, in whatever zones the two are written."""
    registered = datetime(2020, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)
    issued = registered - timedelta(days=1, minutes=minutes)

    def written(moment, zone):
        shift = datetime.fromisoformat(f"2020-01-01T00:00:00{zone}").utcoffset()
        return f"{(moment + shift).replace(tzinfo=None).isoformat()}{zone}"

    chosen = {
        Kind.CUSTOMERS: [customer("c1", "a@x.co", None, "good", written(registered, zone))],
        Kind.EVENTS: [events("c1", [("p", "1")], written(issued, other))],
    }
    exports = number_lines(chosen)
    found = machine(exports, 2).check(exports)
    early = [("before_registration", 1, (0,), "events[].issued_at")]
    assert [(*each[:3], each[-1]) for each in found] == (early if minutes > 0 else [])


@given(st.integers(-(2**49), 2**49))
def test_six_decimal_places_are_exact(number):
    """An amount with six places keeps its value through a double."""
    written = in_units(number)
    assert millionths(float(written)) == number
    assert float(written) == float(Decimal(number).scaleb(-6, EXACT))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_an_amount_is_exact_or_not_known(amount):
    """If millionths are known, they give the same double back."""
    number = millionths(amount)
    assert number is None or float(in_units(number)) == amount


ZONES = st.sampled_from([-1439, -300, 0, 1439]).map(lambda minutes: timezone(timedelta(minutes=minutes)))
DATES = st.builds(
    lambda hours, zone: datetime(2024, 3, 1, tzinfo=zone) + timedelta(hours=hours), st.integers(0, 72), ZONES
)


@given(st.lists(DATES, min_size=1, max_size=6))
def test_the_span_of_a_file_is_that_of_its_dates(dates):
    """Whatever the time zones; of two equal moments the first counts."""
    totals = TotalsOfFile(Kind.EVENTS, "f")
    for date in dates:
        totals.span(date, date)
    found = totals.totals()
    assert (found.first.isoformat(), found.last.isoformat()) == (min(dates).isoformat(), max(dates).isoformat())


EXACT_OR_NOT = st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=7).map(float)


@given(st.lists(st.integers(-(10**9), 10**9).map(lambda number: number / 100) | EXACT_OR_NOT, max_size=4))
def test_amounts_are_known_together_if_each_is(amounts):
    """What is known of all amounts of a line is what is known of each."""
    each = [millionths(amount) for amount in amounts]
    assert all_millionths(amounts, b"") == (None if None in each else each)


@given(st.integers(0, 10**20), st.integers(-6, 20), st.integers(-3, 3))
def test_two_numbers_are_never_taken_for_one(digits, places, more):
    """Whatever their digits: either they are equal, or one of them is read again."""
    one, other = (Decimal(each).scaleb(-places, EXACT) for each in (digits, digits + more))
    texts = [f'{{"id":"c1","amount": {each:f}}}' for each in (one, other)]
    known = [all_millionths([float(json.loads(text)["amount"])], text.encode()) for text in texts]
    assert None in known or (known[0] == known[1]) == (one == other)


@pytest.mark.parametrize(
    ("written", "hidden"),
    [
        ("10.000000000000000000000000001", True),
        ("-12345678901234567", True),
        ("1.2345678901234567e-300", True),
        ("123456789012345678901234567890e-20", True),
        ("1234567890123456", False),
        ("10.00000000000000000000000000", False),
        ("100000000000000000000000000000", False),
        ("0.00000000000000000000000001", False),
        ('"12345678901234567890"', False),
        ('"#12345678901234567890"', False),
        ("[12345678901234567]", True),
    ],
)
def test_a_long_number_is_noticed(written, hidden):
    """Outside of texts, and without the zeros at its ends."""
    for blank in ("", " ", "\t"):
        assert hides_digits(f'{{"purchase":{blank}{written},"x":1}}'.encode()) is hidden


@given(st.permutations(range(50)), st.integers(1, 10))
def test_the_first_places_do_not_depend_on_the_order(order, most):
    """The collector counts all, and keeps the first in reading order."""
    collector = Collector(most)
    collector.add(ExportFault(CheckName.EMAIL_CASE, LinePlace(0, line, line, 1)) for line in order)
    assert collector.counts[CheckName.EMAIL_CASE] == 50
    assert [fault.place.line for fault in collector.first(CheckName.EMAIL_CASE)] == list(range(most))


def test_a_finding_from_a_pipe_is_reported_unless_it_is_uncertain():
    """An amount that the notes do not know exactly is no finding."""
    place = LinePlace(0, 1, 0, 1)
    sure = Suspicion(CheckName.BALANCE_MISMATCH, place, (place,))
    unsure = Suspicion(CheckName.BALANCE_MISMATCH, place, (place,), sure=False)
    assert list(take_unread(sure)) == [ExportFault(CheckName.BALANCE_MISMATCH, place, (place,))]
    assert list(take_unread(unsure)) == []


def add_up(kind, body):
    """Return records, items, the orders' values, and earned and spent of each reward, of a line that may be wrong."""
    record = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    wrong = record.get("deleted") or (kind is Kind.CUSTOMERS and "name" not in record)
    if wrong or any(each["type"] == "NONE" or not float(each["amount"]) for each in record.get("transactions", ())):
        return 0, 0, Decimal(0), {}
    value, rewards = Decimal(0), {}
    for each in record.get("events", ()):
        value = EXACT.add(value, each["order"]["value"])
    for each in [*record.get("balance", ()), *record.get("transactions", ())]:
        sums = rewards.setdefault(each["reward_id"].lower(), [Decimal(0), Decimal(0)])
        side = each["amount"] < 0
        sums[side] = EXACT.add(sums[side], each["amount"])
    return 1, 1 if kind is Kind.CUSTOMERS else len(record[kind.value]), value, rewards


@given(lines, st.booleans(), st.sets(st.integers(0, 12), max_size=4))
def test_totals_are_of_every_record_that_is_right_by_itself(chosen, forgets, dead):
    """Whatever is found, whatever the decoder remembers, and whatever is a dead letter of a run that goes on."""
    exports = number_lines(chosen)
    checked = machine(exports, 1, known=Forgetful() if forgets else None, dead=dead)
    checked.check(exports)
    expected = [add_up(kind, body) for kind, numbered in exports.items() for _, body in numbered]
    for totals, (records, items, value, rewards) in zip(checked.notes.totals(), expected, strict=True):
        assert (totals.records, totals.items, totals.value) == (records, items, value)
        assert {each.reward: each.left for each in totals.rewards} == {
            reward: EXACT.add(*sums) for reward, sums in rewards.items()
        }
        if totals.kind == Kind.TRANSACTIONS:
            assert {each.reward: [each.earned, each.spent] for each in totals.rewards} == rewards


def test_the_totals_of_a_file_are_exact():
    """Sums are exact, whatever the amounts; the spelling of a reward does not matter."""
    lines_ = [
        transactions("c1", [(REWARDS[0], "0.1"), (REWARDS[1], "0.2"), (REWARDS[2], "-5")], faulty=False),
        transactions("c2", [(REWARDS[0], "3e300"), (REWARDS[0], "1e-7")], faulty=False),
        transactions("c3", [(REWARDS[0], "9")], faulty=True),
    ]
    exports = number_lines({Kind.TRANSACTIONS: lines_})
    checked = machine(exports, 1)
    checked.check(exports)
    first, second, third = checked.notes.totals()
    assert (first.records, first.items, third.records) == (1, 3, 0)
    assert [(each.earned, each.spent, each.left) for each in first.rewards] == [
        (Decimal(0), Decimal(-5), Decimal(-5)),
        (Decimal("0.3"), Decimal(0), Decimal("0.3")),
    ]
    assert second.rewards[0].left == EXACT.add(Decimal("3e300"), Decimal("1e-7"))
    assert first.first == first.last
