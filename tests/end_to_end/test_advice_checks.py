"""What is said about exports that are wrong as a whole: done, the exports are right."""

import json
import re
import sqlite3
from contextlib import closing

import pytest
from advice_tools import (
    LIMITED,
    QUICK,
    expect_advice,
    go,
    make_exports,
    make_record,
    migrate,
    named,
    run_on_a_small_disk,
    sending,
    small_disk,
)
from end_to_end_tools import KINDS, expected_ledger, run
from fakes import write_export

pytestmark = pytest.mark.slow

UNKNOWN = (
    "the customer is in no customers export: add the customer, or leave the record out; if the account has these"
    " customers already, --skip-checks unknown_customer"
)
DEAD = "the customer is a dead letter: correct the customer first"
CORRECT = "correct what the checks found in the export before migrating: the API would refuse these records"


def validate(directory, *arguments):
    return run("validate", *named(directory), "--json", *arguments, cwd=directory)


@pytest.mark.parametrize("way", ["add", "leave out", "skip"])
def test_an_unlisted_customer_is_added_or_confirmed(way, tmp_path):
    """The customer added, the record left out, or the flag given as it is written: nothing is wrong any more."""
    make_exports(tmp_path)
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number) for number in range(2)])
    done = validate(tmp_path)
    assert done.returncode == 3
    expect_advice(run("validate", *named(tmp_path), cwd=tmp_path), UNKNOWN)
    flags = []
    if way == "add":
        make_exports(tmp_path)
    elif way == "leave out":
        make_exports(tmp_path, 2)
    else:
        flags = UNKNOWN.rpartition("already, ")[2].split()
    assert validate(tmp_path, *flags).returncode == 0


def test_a_customer_that_is_a_dead_letter_is_corrected(tmp_path):
    """Then the records are right as they are."""
    make_exports(tmp_path)
    customers = tmp_path / "customers.ndjson"
    customers.write_text(customers.read_text().replace('"name"', '"nom"', 1))
    expect_advice(run("validate", *named(tmp_path), cwd=tmp_path), DEAD)
    make_exports(tmp_path)
    assert validate(tmp_path).returncode == 0


def test_the_findings_of_the_checks_are_corrected(tmp_path):
    """With the sums that are named, transactions and balance agree."""
    make_exports(tmp_path)
    wrong = make_record("customers", 0)
    wrong["balance"][0]["amount"] += 5
    write_export(tmp_path / "customers.ndjson", [wrong, *(make_record("customers", number) for number in (1, 2))])
    done = validate(tmp_path)
    expect_advice(done, UNLIKE)
    kinds = ["--customers", "-", *named(tmp_path)[2:], "--state-dir", "of-a-pipe"]
    expect_advice(run("validate", *kinds, cwd=tmp_path, stdin=(tmp_path / "customers.ndjson").read_bytes()), CORRECT)
    (found,) = json.loads(done.stdout)["checks"]["results"]
    (first,) = found["first"]
    sums = first["sums"]
    assert (found["check"], sums["difference"], first["line"]) == ("balance_mismatch", "-5", 1)
    wrong["balance"][0]["amount"] = float(sums["transactions"])
    write_export(tmp_path / "customers.ndjson", [wrong, *(make_record("customers", number) for number in (1, 2))])
    assert validate(tmp_path).returncode == 0


def _set(kind, name, value):
    """Return how a field of the first item is set, or a field of its order."""

    def alter(fields):
        target = fields[kind][0]
        (target["order"] if name in target.get("order", ()) else target)[name] = value

    return alter


def _overdraw(fields):
    first = fields["balance"][0]
    fields["balance"].append({**first, "amount": -1, "funded_by": "shop"})
    first["amount"] += 1


DOUBTFUL = {
    "misspelled_field": ("customers", lambda fields: fields.update(contry="CO")),
    "unknown_field": ("customers", lambda fields: fields.update(loyalty_level=3)),
    "future_date": ("transactions", _set("transactions", "issued_at", "2999-01-01T00:00:00Z")),
    "before_1970": ("customers", lambda fields: fields.update(registration_date="1970-01-01T00:00:00Z")),
    "before_registration": ("transactions", _set("transactions", "issued_at", "1999-01-01T00:00:00Z")),
    "dates_swapped": ("transactions", _set("transactions", "resolved_at", "2001-01-01T00:00:00Z")),
    "birth_date": ("customers", lambda fields: fields.update(dob="1900-01-01T00:00:00Z")),
    "discount_above_value": ("events", _set("events", "discounted_value", 11)),
    "order_sum": ("events", _set("events", "value", 1000)),
    "negative_order": ("events", _set("events", "discounted_value", -1)),
    "event_type": ("events", _set("events", "type", "Purchase")),
    "repeated_reward": ("customers", lambda fields: fields["balance"].append({**fields["balance"][0], "amount": 0})),
    "negative_balance": ("customers", _overdraw),
    "email_form": ("customers", lambda fields: fields.update(email="c0")),
    "empty_name": ("customers", lambda fields: fields.update(name="null")),
    "garbled_name": ("customers", lambda fields: fields.update(name="SofÃ\xada")),
    "padded_id": ("events", lambda fields: fields.update(id=f"{fields['id']} ")),
}
"""What is warned of, and how a good record is altered so that it is."""


@pytest.mark.parametrize("check", DOUBTFUL)
def test_a_warning_is_gone_when_the_record_is_corrected(check, tmp_path):
    """Each names its field and place and what to do; the record with the field as it was has no warning."""
    make_exports(tmp_path)
    kind, alter = DOUBTFUL[check]
    records = [make_record(kind, number) for number in range(3)]
    alter(records[1])
    write_export(tmp_path / f"{kind}.ndjson", records)
    done = validate(tmp_path, "--skip-checks", "unknown_customer")
    (result,) = (each for each in json.loads(done.stdout)["checks"]["results"] if each["check"] == check)
    (field,) = result["fields"]
    assert (result["count"], result["severity"], done.returncode) == (1, "warning", 0)
    assert (field["records"], field["line"], result["first"][0]["line"]) == (1, 2, 2)
    make_exports(tmp_path)
    assert json.loads(validate(tmp_path).stdout)["checks"]["results"] == []


PADDED = "the id begins or ends with a blank, and is another id without it: remove the blank everywhere"


def test_the_blank_of_an_id_is_removed(tmp_path):
    """Then the record belongs to its customer again."""
    make_exports(tmp_path)
    events = tmp_path / "events.ndjson"
    right = events.read_text()
    events.write_text(right.replace('"c1"', '"c1 "'))
    done = run("validate", *named(tmp_path), cwd=tmp_path)
    assert done.returncode == 3
    expect_advice(done, PADDED)
    events.write_text(events.read_text().replace('"c1 "', '"c1"'))
    assert events.read_text() == right
    assert json.loads(validate(tmp_path).stdout)["checks"]["results"] == []


def test_a_value_in_place_of_a_name_is_not_shown(tmp_path):
    """Emails, ids and phone numbers as names of fields are counted, and are in no output."""
    make_exports(tmp_path)
    records = [make_record("customers", number) for number in range(3)]
    personal = ["ana.perez@example.com", "C0004711", "+57 300 123 45 67"]
    for record, name in zip(records, personal, strict=True):
        record[name] = 1
    write_export(tmp_path / "customers.ndjson", records)
    planned, found = run("plan", *named(tmp_path), cwd=tmp_path), validate(tmp_path)
    said = b"".join((planned.stdout, planned.stderr, found.stdout, found.stderr)).decode()
    assert not [name for name in personal if name in said]
    (result,) = json.loads(found.stdout)["checks"]["results"]
    assert [(field["field"], field["records"], field["line"]) for field in result["fields"]] == [("***", 3, 1)]


def test_what_a_list_leaves_out_is_in_json(tmp_path):
    """The terminal names ten fields, `--json` all of them, with one place each."""
    make_exports(tmp_path)
    records = [make_record("customers", number) for number in range(3)]
    records[2] |= {f"level_{name}": 1 for name in "abcdefghijkl"}
    write_export(tmp_path / "customers.ndjson", records)
    shown = run("plan", *named(tmp_path), cwd=tmp_path).stdout.decode()
    assert shown.count("level_") == 10
    assert "and in 2 more fields, see --json" in shown
    (result,) = json.loads(validate(tmp_path).stdout)["checks"]["results"]
    assert {field["field"] for field in result["fields"]} == {f"level_{name}" for name in "abcdefghijkl"}
    assert all(field["line"] == 3 for field in result["fields"])


def test_a_check_has_one_of_the_listed_names(tmp_path):
    """One of the names that are listed."""
    make_exports(tmp_path)
    (names,) = expect_advice(validate(tmp_path, "--skip-checks", "balances"), "the names are {…}")
    assert validate(tmp_path, "--skip-checks", names.split(", ")[1]).returncode == 0


def test_purchases_that_came_before_have_a_setting_of_their_own(tmp_path):
    """Not an error any more: each of them is sent."""
    make_exports(tmp_path)
    events = tmp_path / "events.ndjson"
    events.write_text(events.read_text() * 2)
    assert validate(tmp_path).returncode == 3
    done = validate(tmp_path, "--skip-checks", "duplicate_event")
    assert done.returncode == 2
    text = "--duplicate-purchase allow sends events whose purchase came before, and does not look for them"
    expect_advice(done, text)
    assert validate(tmp_path, *text.split()[:2]).returncode == 0


@pytest.mark.parametrize("way", ["correct", "migrate without"])
def test_a_check_that_is_always_made_leaves_the_rest_to_send(way, served, tmp_path):
    """Corrected, all is right; else all but these records arrive, and no request is refused."""
    make_exports(tmp_path)
    path = tmp_path / "transactions.ndjson"
    first, *rest = path.read_text().splitlines()
    record = json.loads(first)
    parts = [record | {"transactions": [{**each, "amount": each["amount"] / 2}]} for each in record["transactions"] * 2]
    path.write_text("\n".join([*map(json.dumps, parts), *rest]) + "\n")
    done = migrate(served, tmp_path, "--skip-checks", "split_transactions")
    assert (done.returncode, served.requests()) == (2, 0)
    expect_advice(
        done, "correct the records that it finds, or migrate without them: they are dead letters, the rest is sent"
    )
    if way == "correct":
        make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == (0 if way == "correct" else 3)
    assert served.requests(status=422) == 0


@pytest.mark.parametrize(("count", "room"), [(300, 1), (3, 8)])
def test_a_disk_too_small_for_the_checks_is_freed_or_not_needed(count, room, tmp_path):
    """Too small for the notes, or for what was found. Without the checks nothing is kept; with room they are made."""
    make_exports(tmp_path, count)
    text = "free space there, then start the same command again; or leave the checks out: --skip-checks all"
    command = ["validate", *named(tmp_path), "--json"]
    done = run_on_a_small_disk(room, *command, cwd=tmp_path)
    assert done.returncode == 6
    expect_advice(done, LIMITED)
    with small_disk(tmp_path / "masivo-state", 12):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 6
        expect_advice(done, text)
        assert "checks" not in json.loads(run(*command, *text.split(": ")[1].split(), cwd=tmp_path).stdout)
    assert json.loads(validate(tmp_path).stdout)["checks"]["results"] == []
    left = {path.name for path in (tmp_path / "masivo-state").iterdir() if path.name.startswith((".", "findings"))}
    assert left == {"findings.db"}


def test_damaged_findings_are_removed(tmp_path):
    """The file that is named; then the checks are made again."""
    make_exports(tmp_path)
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number) for number in range(2)])
    assert validate(tmp_path).returncode == 3
    with closing(sqlite3.connect(tmp_path / "masivo-state" / "findings.db")) as database, database:
        database.execute("UPDATE held SET check_name = 'x'")
    done = validate(tmp_path)
    assert done.returncode == 6
    expect_advice(done, "remove that file and start again: the checks are made again")
    (place,) = re.findall(r"(\S*findings\.db)", done.stderr.decode())
    (tmp_path / place).unlink()
    assert validate(tmp_path).returncode == 3


SPLIT = "put all transactions of this customer into one dead letter, and delete the others"
UNLIKE = "make the transactions add up to the balance that was sent with the customer, then retry"
MISSING = (
    "migrate the customer first, then retry (with --unchanged if it was migrated from elsewhere); or delete the dead"
    " letter"
)


def spoil(directory, way):
    """Make exports wrong as a whole; return what a person makes of the dead letters' records, and of the exports."""
    customers, transactions = directory / "customers.ndjson", directory / "transactions.ndjson"
    right = transactions.read_text().splitlines()
    whole = json.loads(right[1])
    if way is SPLIT:
        parts = [json.dumps({**whole, "transactions": [each]}) for each in whole["transactions"]]
        transactions.write_text("\n".join([right[0], parts[0], right[2], parts[1]]) + "\n")
        return [right[1]]
    if way is UNLIKE:
        transactions.write_text(transactions.read_text().replace('"amount": 2', '"amount": 5'))
        return right
    customers.write_text("".join(customers.read_text().splitlines(keepends=True)[:2]))
    return None


@pytest.mark.parametrize("way", [SPLIT, UNLIKE, MISSING])
def test_held_back_records_are_corrected(way, served, tmp_path):
    """Lines put together, sums corrected, the customer migrated: then a retry sends it. Nothing is ever refused."""
    make_exports(tmp_path, items=2)
    wanted, everyone = expected_ledger(tmp_path), (tmp_path / "customers.ndjson").read_text()
    right = spoil(tmp_path, way)
    done = migrate(served, tmp_path)
    assert done.returncode == 3
    expect_advice(done, way)
    if right is None:
        write_export(tmp_path / "more.ndjson", [json.loads(everyone.splitlines()[2])])
        names = [*named(tmp_path)[:2], tmp_path / "more.ndjson", *named(tmp_path)[2:]]
        flags = [*sending(served, tmp_path), "--json"]
        assert run("migrate", *names, *flags, key=served.key, **QUICK).returncode == 3
    else:
        letters = tmp_path / "state" / "dead-letter.transactions.ndjson"
        found = [json.loads(line) for line in letters.read_text().splitlines()]
        kept = [{**letter, "raw": raw} for letter, raw in zip(found, right, strict=False)]
        letters.write_text("".join(json.dumps(letter) + "\n" for letter in kept))
    go("retry", served, tmp_path)
    assert {kind: served.ledger()[kind] for kind in KINDS} == wanted
    assert not any("422" in outcomes for outcomes in served.ledger()["requests"].values())


def requests_of(served):
    """Return how many requests each kind took."""
    return {kind: served.requests(kind) for kind in KINDS}


@pytest.mark.parametrize("way", [UNLIKE, MISSING])
def test_what_the_checks_found_is_not_sent_unless_it_is_corrected_or_asked_for(way, served, tmp_path):
    """No request is spent on what the API would refuse; the dead letters remain as they are. The flag sends them."""
    make_exports(tmp_path, items=2)
    spoil(tmp_path, way)
    assert migrate(served, tmp_path).returncode == 3
    letters = tmp_path / "state" / "dead-letter.transactions.ndjson"
    found = [(each["line"], each["reason"]) for each in map(json.loads, letters.read_text().splitlines())]
    before = requests_of(served)
    assert run("retry", *sending(served, tmp_path), key=served.key, **QUICK).returncode == 3
    assert requests_of(served) == before
    assert [(each["line"], each["reason"]) for each in map(json.loads, letters.read_text().splitlines())] == found
    assert run("retry", "--unchanged", *sending(served, tmp_path), key=served.key, **QUICK).returncode == 3
    assert requests_of(served) != before
    reasons = {each["reason"] for each in map(json.loads, letters.read_text().splitlines())}
    assert reasons == {"refused" if way is UNLIKE else "customer_not_migrated"}  # its event is refused before


def test_a_customer_from_elsewhere_is_known_to_the_account(served, tmp_path):
    """The remedy's words in brackets, followed literally: nothing is refused."""
    make_exports(tmp_path)
    everyone = (tmp_path / "customers.ndjson").read_text().splitlines()
    spoil(tmp_path, MISSING)
    assert migrate(served, tmp_path).returncode == 3
    (tmp_path / "elsewhere").mkdir()
    write_export(tmp_path / "elsewhere" / "customers.ndjson", [json.loads(everyone[2])])
    other = ["--customers", tmp_path / "elsewhere" / "customers.ndjson", *sending(served, tmp_path / "elsewhere")]
    assert run("migrate", *other, key=served.key, **QUICK).returncode == 0
    assert run("retry", *sending(served, tmp_path), key=served.key, **QUICK).returncode == 3
    assert run("retry", "--unchanged", *sending(served, tmp_path), key=served.key, **QUICK).returncode == 0
    assert not any("422" in outcomes for outcomes in served.ledger()["requests"].values())


def test_a_start_that_was_refused_leaves_nothing_to_retry(served, tmp_path):
    """The account has the export already: the second directory's run has not begun, and every command says so."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    flags = [*sending(served, tmp_path)[:-1], tmp_path / "second"]
    assert flags[-2] == "--state-dir"
    start = ["migrate", *named(tmp_path), *flags]
    assert run(*start, key=served.key, **QUICK).returncode == 2
    state = run("status", "--state-dir", tmp_path / "second")
    assert (state.returncode, b"no export was begun, and nothing was sent" in state.stdout) == (6, True)
    expect_advice(state, "start the same command again: it begins, or says what is in its way")
    assert run(*start, key=served.key, **QUICK).returncode == 2
    refused = run("retry", *flags, key=served.key, **QUICK)
    assert refused.returncode == 2
    expect_advice(
        refused, "name the --state-dir of the migration that has dead letters, or start masivo-stream migrate"
    )
    assert run("retry", *sending(served, tmp_path), key=served.key, **QUICK).returncode == 0


NO_BALANCE = (
    "a customer has transactions that do not add up to zero, and no balance: add the balance; if the account takes such"
    " transactions, --skip-checks no_balance"
)
WITHOUT = (
    "the customer was sent without a balance: make the transactions add up to zero, then retry; or, if the account"
    " takes them as they are, retry with --unchanged"
)


def make_exports_without_a_balance(directory):
    make_exports(directory)
    first, *others = (make_record("customers", number) for number in range(3))
    del first["balance"]
    write_export(directory / "customers.ndjson", [first, *others])


def test_a_missing_balance_is_added_or_not_needed(tmp_path):
    """With the balance, or with the flag as it is written, nothing is wrong any more."""
    make_exports_without_a_balance(tmp_path)
    assert validate(tmp_path).returncode == 3
    expect_advice(run("validate", *named(tmp_path), cwd=tmp_path), NO_BALANCE)
    assert validate(tmp_path, *NO_BALANCE.rpartition("transactions, ")[2].split()).returncode == 0
    make_exports(tmp_path)
    assert validate(tmp_path).returncode == 0


def test_transactions_without_a_balance_are_corrected(served, tmp_path):
    """They wait as a dead letter, without a refusal; when they add up to zero, a retry sends them."""
    make_exports_without_a_balance(tmp_path)
    done = migrate(served, tmp_path)
    assert done.returncode == 3
    expect_advice(done, WITHOUT)
    letters = tmp_path / "state" / "dead-letter.transactions.ndjson"
    (letter,) = [json.loads(line) for line in letters.read_text().splitlines()]
    assert (letter["reason"], letter["line"]) == ("no_balance", 1)
    record = json.loads(letter["raw"])
    (earned,) = record["transactions"]
    record["transactions"].append({**earned, "type": "REDEMPTION", "amount": -earned["amount"]})
    letters.write_text(json.dumps({**letter, "raw": json.dumps(record)}) + "\n")
    go("retry", served, tmp_path)
    assert len(served.ledger()["transactions"]) == 3
    assert not any("422" in outcomes for outcomes in served.ledger()["requests"].values())


def test_an_export_from_a_pipe_is_written_to_a_file(served, tmp_path):
    """A plan and a run warn of it; with a file there is no warning, and what is wrong is held back."""
    make_exports(tmp_path)
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number) for number in range(2)])
    content = (tmp_path / "transactions.ndjson").read_bytes()
    kinds = [*named(tmp_path, ["customers", "events"]), "--transactions", "-"]
    text = (
        "what the checks found is not left out of the requests, because an export from a pipe is read only once: write"
        " it to a file and name that file, then it is"
    )
    expect_advice(run("plan", *kinds, "--json", cwd=tmp_path, stdin=content), text)
    flags = [*sending(served, tmp_path), "--json"]
    done = run("migrate", *kinds, *flags, key=served.key, stdin=content, **QUICK)
    text = (
        "{…} from a pipe are not checked as a whole, because they can be read only once: write them to files and name"
        " these, then balances, unknown customers and duplicates are found before anything is sent"
    )
    assert expect_advice(done, text) == ("transactions",)
    assert json.loads(done.stdout)["kinds"]["events"]["reasons"] == {"unknown_customer": 1}
    done = migrate(served, tmp_path, "--again", state="other")
    assert json.loads(done.stdout)["warnings"] == []
    assert json.loads(done.stdout)["kinds"]["transactions"]["reasons"]["unknown_customer"] == 1


PLANTED = ["--plant", "split=0.1", "-o", "e"]


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        ([*PLANTED, "--invalid", "0.1"], "generate two exports, one with each of them", PLANTED),
        (PLANTED[:2], "give --planted FILE", [*PLANTED[:2], "--planted", "found.ndjson"]),
        ([*PLANTED, "--skipped", "0.1"], "leave --skipped out", PLANTED),
    ],
)
def test_the_flags_for_planted_faults_are_corrected(wrong, says, right, tmp_path):
    """The flags that are right, as they are named."""
    command = ["generate", "customers", "--records", "9"]
    done = run(*command, *wrong, cwd=tmp_path)
    assert done.returncode == 2
    expect_advice(done, says)
    assert run(*command, *right, cwd=tmp_path).returncode == 0


def test_a_planted_fault_has_one_of_the_listed_names(tmp_path):
    """One of those that are listed, with a share."""
    command = ["generate", "events", "--records", "9", "-o", "e", "--plant"]
    (names,) = expect_advice(run(*command, "events=2", cwd=tmp_path), "shares of 0 to 0.9, by name: {…}")
    assert run(*command, ",".join(f"{name}=0.03" for name in names.split(", ")), cwd=tmp_path).returncode == 0
