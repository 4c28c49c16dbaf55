"""Policies: ten cases of each kind of ambiguity, in one shop per choice, and checked by an own count of the rows."""

from decimal import Decimal

import pytest
from made_tables import person, prepare_tables


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines_of(numbers):
    """Return the lines of the rows with these numbers, counted from 0: the header is line 1."""
    return sorted(each + 2 for each in numbers)


# One email, several customers.

SHARED = [
    # who, joined, email, other fields, and whether each keeps its email: if the oldest, or if the newest does
    ("1 older", "2019-01-01", "one@b.co", {}, (True, False)),
    ("1 newer", "2020-01-01", "one@b.co", {}, (False, True)),
    ("2 capital", "2019-01-01", "TWO@B.co", {}, (True, False)),
    ("2 small", "2020-01-01", "two@b.CO", {}, (False, True)),
    ("3 spaces", "2020-01-01", "  three@b.co ", {}, (False, True)),
    ("3 plain", "2019-01-01", "three@b.co", {}, (True, False)),
    ("4 b", "2020-01-01", "four@b.co", {}, (False, True)),
    ("4 a", "2020-01-01", "four@b.co", {}, (True, False)),
    ("5 first", "2018-01-01", "five@b.co", {}, (True, False)),
    ("5 second", "2019-01-01", "five@b.co", {}, (False, False)),
    ("5 third", "2020-01-01", "five@b.co", {}, (False, True)),
    ("6 fraction", "2020-01-01T00:00:00.5Z", "six@b.co", {}, (False, True)),
    ("6 second", "2020-01-01T00:00:00Z", "six@b.co", {}, (True, False)),
    ("7 east", "2020-01-01T10:00:00+05:00", "seven@b.co", {}, (True, False)),
    ("7 zulu", "2020-01-01T06:00:00Z", "seven@b.co", {}, (False, True)),
    ("8 ñ", "2019-01-01", "Ñandú@b.co", {}, (True, False)),
    ("8 Ñ", "2020-01-01", "ñandÚ@b.co", {}, (False, True)),
    ("9 other", "2019-01-01", "nine@b.co", {}, (True, True)),
    ("9 dotted", "2020-01-01", "ni.ne@b.co", {}, (True, True)),
]
UNABLE = [
    ("10 deleted", "2019-01-01", "ten@b.co", {"status": "off"}),
    ("11 nameless", "2019-01-01", "eleven@b.co", {"name": ""}),
    ("12 dateless", "", "twelve@b.co", {}),
    ("13 unknown status", "2019-01-01", "thirteen@b.co", {"status": "?"}),
]
"""Customers who cannot be written: another one with the email keeps it, whoever is older."""


@pytest.mark.parametrize(("policy", "place"), [("oldest", 0), ("newest", 1), ("leave_out", None)])
def test_one_email_several_times(policy, place):
    """Whoever loses the email is left out with all that belongs to them, and everyone else stays."""
    rows = [person(id_, joined, email=email, **fields) for id_, joined, email, fields, _ in SHARED]
    rows += [person(id_, joined, email=email, **fields) for id_, joined, email, fields in UNABLE]
    rows += [person(f"{id_} able", "2021-01-01", email=email) for id_, _, email, _ in UNABLE]
    rows += [person("14 twice", email="fourteen@b.co"), person("14 twice", email="fourteen@b.co")]
    found = prepare_tables({"people": rows, "balances": [(row["id"], "5") for row in rows]}, email_twice=policy)
    kept = [id_ for id_, *_, keeps in SHARED if (keeps[place] if place is not None else keeps == (True, True))]
    able = [f"{id_} able" for id_, *_ in UNABLE]
    assert set(found.customers) == {*kept, *able, "14 twice"}
    lost = [number for number, each in enumerate(SHARED) if each[0] not in kept]
    assert found.remarks["customers", "left_out", "email_twice"] == lines_of(lost)
    assert set(lines_of(lost)) <= set(found.remarks["balances", "left_out", "customer_left_out"])
    assert found.remarks["customers", "left_out", "same_row_twice"] == [len(rows) + 1]


# Customers who are not known.

KNOWN = ["7", "a", "007", "José", "x" * 200, " spaced ", "12 34"]
UNKNOWN = ["8", "A", "0007", "07", "JOSÉ", "Jose\u0301", "x" * 199, "spac ed", "12  34", "7.0", "NULL", "\u00a07"]


def test_customers_who_are_not_known():
    """Ids are compared letter by letter, apart from white space around them; rows of unknown customers are listed."""
    ids = [*KNOWN, *UNKNOWN, "", "  ", "gone", "spaced", "\t7"]
    tables = {
        "people": [*map(person, KNOWN), person("gone", status="off")],
        "balances": [(id_, "10") for id_ in ids],
        "orders": [(f"o{number}", id_, "2021-01-01", "5", "ok") for number, id_ in enumerate(ids)],
        "lines": [(f"o{number}", "A", "1", "5") for number in range(len(ids))],
        "ledger": [(id_, "10", "2021-01-01") for id_ in ids],
    }
    found = prepare_tables(tables)
    assert set(found.customers) == {id_.strip() for id_ in KNOWN}
    assert found.orders["spaced"] == ["o22", "o5"]
    assert found.orders["7"] == ["o0", "o23"]
    unknown = lines_of(range(len(KNOWN), len(KNOWN) + len(UNKNOWN)))
    without, gone = lines_of([19, 20]), lines_of([21])
    for table in ("balances", "transactions", "events"):
        assert found.remarks[table, "left_out", "unknown_customer"] == unknown, table
        assert found.remarks[table, "left_out", "no_customer"] == without, table
        assert found.remarks[table, "left_out", "customer_deleted"] == gone, table


# A name or a date that is missing.

NAMES = ["Ana", "", "  ", "\t", "-", "0", "NULL", " Bea ", "Ñandú, S.L.", '"', "x" * 500]


@pytest.mark.parametrize("policy", ["leave_out", "Friend"])
def test_a_name_that_is_missing(policy):
    """White space is no name; everything else is one, and is written without the space around it."""
    rows = [person(str(number), name=name) for number, name in enumerate(NAMES)]
    found = prepare_tables({"people": rows}, missing_name=policy)
    action = "left_out" if policy == "leave_out" else "guessed"
    assert found.remarks["customers", action, "missing_name"] == [3, 4, 5]
    written = {str(number): name.strip() or policy for number, name in enumerate(NAMES)}
    if policy == "leave_out":
        written = {id_: name for id_, name in written.items() if name != policy}
    assert {id_: each["name"] for id_, each in found.customers.items()} == written


UNDATED = ["", " ", "0000-00-00", "0000-00-00 00:00:00", "00/00/0000"]
BAD_DATES = ["2020-13-01", "soon", "2020-02-30", "1.1.2020", "2020-01-01 25:00:00"]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ({}, {}),
        ({"missing_date": "2018-01-01"}, dict.fromkeys("01234", "2018-01-01T00:00:00Z")),
        (
            {"missing_date": "2018-01-01T05:00:00+05:00", "bad_date": "blank"},
            dict.fromkeys("0123456789", "2018-01-01T05:00:00+05:00"),
        ),
        (
            {"missing_date": "first_activity"},
            {"0": "2021-05-01T00:00:00Z", "1": "2021-02-01T00:00:00Z", "3": "2021-03-01T00:00:00Z"},
        ),
        ({"bad_date": "blank"}, {}),
    ],
)
def test_a_date_of_registration_that_is_missing(policies, expected):
    """Dates of zeros are missing; what is no date is left out as such, unless it counts as missing."""
    rows = [person(str(number), joined) for number, joined in enumerate([*UNDATED, *BAD_DATES])] + [person("good")]
    tables = {
        "people": rows,
        "orders": [
            ("o0", "0", "2021-05-01", "5", "ok"), ("o1", "1", "2021-03-01", "5", "ok"),
            ("o3", "3", "2021-03-01", "5", "open"), ("o4", "4", "", "5", "ok"), ("o5", "5", "2021-03-01", "5", "ok"),
        ],
        "lines": [(f"o{number}", "A", "1", "5") for number in (0, 1, 3, 4, 5)],
        "ledger": [("0", "7", "2021-06-01"), ("1", "7", "2021-02-01")],
        "balances": [("2", "7")],
    }  # fmt: skip
    found = prepare_tables(tables, **policies)
    assert {id_: each["registration_date"] for id_, each in found.customers.items() if id_ != "good"} == expected
    if "bad_date" not in policies:
        assert found.remarks["customers", "left_out", "bad_date"] == [7, 8, 9, 10, 11]
    missing = [line for line in range(2, 7 if "bad_date" not in policies else 12) if str(line - 2) not in expected]
    assert found.remarks.get(("customers", "left_out", "missing_date"), []) == missing
    assert len(found.remarks.get(("customers", "guessed", "missing_date"), [])) == len(expected)


# A ledger that does not add up to the balance.

POINTS_CASES = {
    # customer: balances, ledger; what is written of both by `correct`, `trust_ledger`, `trust_balance`, `leave_out`
    "equal": ([10], [4, 6], [(10, [4, 6])] * 4),
    "less": ([10], [4], [(10, [6, 4]), (4, [4]), (10, [10]), (10, [])]),
    "more": ([10], [14], [(10, [14, -4]), (14, [14]), (10, [10]), (10, [])]),
    "no ledger": ([10], [], [(10, [10])] * 3 + [(10, [])]),
    "no balance": ([], [4], [(4, [4])] * 4),
    "zero balance": ([0], [4], [(0, [4, -4]), (4, [4]), (0, []), (0, [])]),
    "zero and nothing": ([0], [], [(0, [])] * 4),
    "negative": ([-3], [4], [(-3, [4, -7]), (4, [4]), (-3, [-3]), (-3, [])]),
    "two rows": ([6, 4], [10], [(10, [10])] * 4),
    "two rows differ": ([6, 5], [10], [(11, [1, 10]), (10, [10]), (11, [11]), (11, [])]),
    "cancels out": ([5], [5, -5], [(5, [5, 5, -5]), (0, [5, -5]), (5, [5]), (5, [])]),
    "fraction": ([0.3], [0.1, 0.2], [(0.3, [0.1, 0.2])] * 4),
    "millionth": ([1], ["0.999999"], [(1, ["0.000001", "0.999999"]), ("0.999999", ["0.999999"]), (1, [1]), (1, [])]),
    "only zeros": ([3], [0, 0], [(3, [3])] * 3 + [(3, [])]),
}


@pytest.mark.parametrize(("place", "policy"), [*enumerate(["correct", "trust_ledger", "trust_balance", "leave_out"])])
def test_a_ledger_that_differs(place, policy):
    """What is written adds up, except where the ledger is left out; every change has a remark."""
    tables = {
        "people": [person(name) for name in POINTS_CASES],
        "balances": [(name, str(amount)) for name, (rows, _, _) in POINTS_CASES.items() for amount in rows],
        "ledger": [
            (name, str(amount), f"2021-01-0{day}")
            for name, (_, rows, _) in POINTS_CASES.items()
            for day, amount in enumerate(rows, start=1)
        ],
    }
    found = prepare_tables(tables, ledger_differs=policy)
    for name, (_, _, written) in POINTS_CASES.items():
        balance, ledger = written[place]
        amounts = [amount for amount, _ in found.ledgers.get(name, {}).get("points", [])]
        assert found.balances[name]["points"] == Decimal(str(balance)), name
        assert amounts == [Decimal(str(each)) for each in ledger], name
        if policy != "leave_out":
            assert sum(amounts) == found.balances[name]["points"], name
    assert found.remarks["transactions", "left_out", "zero_amount"] == [
        len(tables["ledger"]),
        len(tables["ledger"]) + 1,
    ]
    assert len(found.remarks["balances", "added", "no_balance"]) == 1


def test_rewards_are_settled_apart():
    """A difference in one does not touch the other; a balance that cannot be read is computed."""
    day = "2021-01-01"
    tables = {
        "people": [person("a"), person("b"), person("c"), person("d")],
        "balances": [
            ("a", "10", "points"), ("a", "3", "cashback"), ("b", "x", "points"), ("b", "3", "cashback"),
            ("c", "5", "coins"), ("d", "5", "points"),
        ],
        "ledger": [
            ("a", "10", day, "points"), ("a", "4", day, "cashback"), ("b", "7", day, "points"),
            ("c", "5", day, "coins"), ("d", "x", day, "points"), ("d", "5", "soon", "points"),
        ],
    }  # fmt: skip
    found = prepare_tables(tables)
    assert found.ledgers["a"] == {"points": [(10, day)], "cashback": [(4, day), (-1, day)]}
    assert found.balances["b"] == {"points": 7, "cashback": 3}
    assert found.ledgers["b"] == {"points": [(7, day)], "cashback": [(3, "2020-01-01")]}
    assert "c" not in found.balances
    assert found.ledgers["d"] == {"points": [(5, "2020-01-01")]}
    assert found.remarks["balances", "left_out", "unknown_reward"] == [6]
    assert found.remarks["transactions", "left_out", "unknown_reward"] == [5]
    assert found.remarks["transactions", "left_out", "bad_number"] == [6]
    assert found.remarks["transactions", "left_out", "bad_date"] == [7]


# More transactions than a request takes.

LONG = {
    # customer: amounts of its ledger, its balance, and how many of them are merged into how many entries
    "999": ([1] * 999, 999, (0, 0)),
    "1000": ([1] * 1000, 1000, (0, 0)),
    "1001": ([1] * 1001, 1001, (2, 1)),
    "1002": ([1] * 1002, 1002, (3, 1)),
    "1000 and a correction": ([1] * 1000, 1003, (2, 1)),
    "999 and a correction": ([1] * 999, 1000, (0, 0)),
    "taken": ([5000] + [-1] * 1200, 3800, (201, 0)),
    "turns": ([2, -1] * 700, 700, (402, 2)),
    "zeros": ([1] * 999 + [0] * 50, 999, (0, 0)),
    "2500": ([1] * 2500, 2500, (1501, 1)),
    "too little": ([1] * 1001, 1, (2, 1)),
}


@pytest.mark.parametrize("policy", ["merge", "leave_out"])
def test_too_many_transactions(policy):
    """The oldest are merged by sign, no more of them than has to be; or all of that customer's are left out."""
    ledger = [
        (name, str(amount), f"20{10 + number // 300}-01-{1 + number % 300 // 12:02}")
        for name, (amounts, _, _) in LONG.items()
        for number, amount in enumerate(amounts)
    ]
    tables = {
        "people": [person(name, "2000-01-01") for name in LONG],
        "balances": [(name, str(balance)) for name, (_, balance, _) in LONG.items()],
        "ledger": ledger,
    }
    found = prepare_tables(tables, too_many_transactions=policy)
    merged, added = 0, 0
    for name, (_, balance, (count, _)) in LONG.items():
        amounts = [amount for amount, _ in found.ledgers.get(name, {}).get("points", [])]
        if count and policy == "leave_out":
            assert amounts == [], name
        else:
            assert len(amounts) <= 1000, name
            assert sum(amounts) == balance == found.balances[name]["points"], name
            assert len(amounts) == 1000 or not count, name
    for key, rows in found.remarks.items():
        merged += len(rows) if key == ("transactions", "merged", "too_many_transactions") else 0
        added += len(rows) if key == ("transactions", "added", "too_many_transactions") else 0
    if policy == "merge":
        assert merged - added == sum(max(0, _entries(*each) - 1000) for each in LONG.values())
    else:
        assert (merged, added) == (0, 0)


def _entries(amounts, balance, _):
    """Return how many entries a customer would have."""
    return sum(amount != 0 for amount in amounts) + (sum(amounts) != balance)


# Rows of nothing.

ZEROS = ["0", "0.00", "-0", "+0", "0.0000001", "-0.0000004", "0e5", " 0 ", ".0", "0.", "", " "]


def test_rows_of_nothing():
    """The API refuses an entry of 0: it is left out, also if only rounding makes it one; an empty amount is missing."""
    tables = {
        "people": [person("a"), person("b")],
        "ledger": [("a", amount, "2021-01-01") for amount in ZEROS] + [("b", "0.000001", "2021-01-01")],
        "balances": [("a", "0")],
    }
    found = prepare_tables(tables)
    assert found.remarks["transactions", "left_out", "zero_amount"] == list(range(2, 12))
    assert found.remarks["transactions", "left_out", "missing_amount"] == [12, 13]
    assert found.remarks["source ledger", "corrected", "rounded"] == [6, 7]
    assert "a" not in found.ledgers
    assert [str(amount) for amount, _ in found.ledgers["b"]["points"]] == ["0.000001"]


# Customers who are deleted.


def test_customers_who_are_deleted():
    """They take along what belongs to them; a word that the mapping does not have is no guess."""
    rows = [
        person("on"), person("off", status="off"), person("capital", status="OFF"), person("spaces", status=" off "),
        person("empty", status=""), person("test", status="test"), person("nameless", status="off", name=""),
        person("mail", status="off", email="x@b.co"), person("heir", email="x@b.co"),
        person("twice", status="off"), person("twice", status="on"),
        person("back"), person("back", status="off"),
        person("bad date", "soon", status="off"),
    ]  # fmt: skip
    ids = list(dict.fromkeys(row["id"] for row in rows))
    tables = {
        "people": rows,
        "balances": [(id_, "5") for id_ in ids],
        "ledger": [(id_, "5", "2021-01-01") for id_ in ids],
        "orders": [(f"o {id_}", id_, "2021-01-01", "5", "ok") for id_ in ids],
        "lines": [(f"o {id_}", "A", "1", "5") for id_ in ids],
    }
    found = prepare_tables(tables)
    assert set(found.customers) == {"on", "heir", "back"}
    assert set(found.orders) == set(found.ledgers) == set(found.balances) == {"on", "heir", "back"}
    deleted = ["off", "spaces", "nameless", "mail", "twice"]
    whole = [ids.index(id_) + 2 for id_ in deleted]
    for table in ("balances", "transactions", "events"):
        assert found.remarks[table, "left_out", "customer_deleted"] == whole, table
    assert found.remarks["customers", "left_out", "customer_deleted"] == [3, 5, 8, 9, 11]
    assert found.remarks["customers", "left_out", "unmapped_status"] == [4, 6]
    assert found.remarks["customers", "left_out", "status_left_out"] == [7]
    assert found.remarks["customers", "left_out", "bad_date"] == [15]
    last = prepare_tables(tables, id_twice="last")
    assert set(last.customers) == {"on", "heir", "twice"}


# Orders without lines.

ORDERS = [
    # order, lines, and what is written with `leave_out` and with `one_line`: the SKUs, or why not
    ("whole", [("A", "1", "5")], ["A"], ["A"]),
    ("none", [], "no_lines", ["unknown"]),
    ("empty line", [("", "", "")], "no_lines", ["unknown"]),
    ("two empty lines", [("", "", ""), ("", "", "")], "no_lines", ["unknown"]),
    ("one of two", [("A", "1", "5"), ("", "", "")], ["A"], ["A"]),
    ("no sku", [("", "1", "5")], "missing_sku", "missing_sku"),
    ("no quantity", [("A", "", "5")], "incomplete_line", "incomplete_line"),
    ("no price", [("A", "1", "")], "incomplete_line", "incomplete_line"),
    ("bad quantity", [("A", "one", "5")], "bad_number", "bad_number"),
    ("zero quantity", [("A", "0", "5")], ["A"], ["A"]),
    ("a gift", [("A", "1", "0")], ["A"], ["A"]),
    ("half", [("A", "0.5", "10")], ["A"], ["A"]),
]


@pytest.mark.parametrize(("place", "policy"), [*enumerate(["leave_out", "one_line"])])
def test_orders_without_lines(place, policy):
    """An order of one line item has the order's value; a line item that is not whole is never completed."""
    tables = {
        "people": [person("a")],
        "orders": [(name, "a", "2021-01-01", "5", "ok") for name, *_ in ORDERS]
        + [("later", "a", "2021-01-02", "0", "ok")],
        "lines": [(name, *line) for name, lines, *_ in ORDERS for line in lines] + [("stray", "A", "1", "5")],
    }
    found = prepare_tables(tables, orders_without_lines=policy)
    written = {
        event["order"]["purchase_id"]: event["order"]["products"]
        for each in found.records["events"]
        for event in each["events"]
    }
    for name, _, *expected in ORDERS:
        if isinstance(expected[place], list):
            assert [each["sku"] for each in written[name]] == expected[place], name
        else:
            assert name not in written
            line = [each[0] for each in ORDERS].index(name) + 2
            assert line in found.remarks["events", "left_out", expected[place]], name
    if policy == "one_line":
        assert [(each["amount"], each["value"]) for each in written["none"]] == [(1, 5)]
        assert written["later"] == [{"sku": "unknown", "amount": 1, "value": 0}]
    assert found.remarks["source lines", "left_out", "not_selected"] == [len(tables["lines"]) + 1]


# Orders that are reversed, open, or of an unknown status; rows of one order that do not agree.

STATUSES = ["ok", "back", "open", "OK", "", "?", " ok ", "back "]


def test_statuses_of_orders():
    """Words are compared letter by letter, apart from white space around them."""
    tables = {
        "people": [person("a")],
        "orders": [(f"o{number}", "a", "2021-01-01", "5", word) for number, word in enumerate(STATUSES)],
        "lines": [(f"o{number}", "A", "1", "5") for number in range(len(STATUSES))],
    }
    found = prepare_tables(tables)
    events = {event["order"]["purchase_id"]: event for each in found.records["events"] for event in each["events"]}
    assert {name: event.get("status") for name, event in events.items()} == {
        "o0": None, "o1": "REVERSED", "o6": None, "o7": "REVERSED",
    }  # fmt: skip
    assert found.remarks["events", "left_out", "status_left_out"] == [4]
    assert found.remarks["events", "left_out", "unmapped_status"] == [5, 6, 7]


# One id, several rows.


@pytest.mark.parametrize(("policy", "name"), [("first", "Ana"), ("last", "Bea"), ("leave_out", None)])
def test_one_id_several_times(policy, name):
    """Rows that say the same are one; else the policy chooses, and the others' lines are listed."""
    rows = [
        person("a"), person("a", name="Bea"), person("b"), person("b"), person(" c"), person("c "),
        person("d", "2020-01-01T00:00:00Z"), person("d", "2020-01-01T01:00:00+01:00"),
        person("e"), person("e", email="e2@b.co", name="Bea"), person("e"),
        person("f", "", name="Ana"), person("f", name="Bea"),
    ]  # fmt: skip
    found = prepare_tables({"people": rows}, id_twice=policy)
    names = {id_: each["name"] for id_, each in found.customers.items()}
    same = {"b": "Ana", "c": "Ana", "d": "Ana"}
    assert (
        names
        == {
            "first": {"a": "Ana", "e": "Ana", **same},
            "last": {"a": "Bea", "e": "Bea", "f": "Bea", **same},
            "leave_out": same,
        }[policy]
    )
    assert found.remarks["customers", "left_out", "same_row_twice"] == [5, 7, 9, 12]
    listed = {"first": [3, 11, 14], "last": [2, 10, 13], "leave_out": [2, 3, 10, 11, 13, 14]}
    assert found.remarks["customers", "left_out", "id_twice"] == listed[policy]
    assert name is None or names["a"] == name
