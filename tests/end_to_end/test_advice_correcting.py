"""Advice about records that are not sent: corrected as the remedy says and retried, each arrives once."""

import json
import shutil
import subprocess

import pytest
from advice_tools import (
    QUICK,
    arrived,
    expect_advice,
    go,
    make_exports,
    make_record,
    migrate,
    next_command,
    paste,
    sending,
)
from end_to_end_tools import KINDS, expected_ledger, lines, run

pytestmark = pytest.mark.slow

CORRECT_AND_RETRY = "correct `raw` in {…}/dead-letter.{…}.ndjson, then send the corrected records"


def spell(record):
    return json.dumps(record).encode()


def customer(number, **fields):
    return make_record("customers", number, **fields)


def less(record, *names):
    return {name: value for name, value in record.items() if name not in names}


LONG = "x" * 5000
DEEP = "[" * 1500 + "]" * 1500
BROKEN = {
    "export the line again; one complete JSON object per line": (spell(customer(3))[:-9], customer(3)),
    "export as UTF-8; before a migration the file can be converted, for example with iconv": (
        spell(customer(4)).replace(b"Ana", "Aña".encode("latin-1")), customer(4, name="Aña"),
    ),
    "flatten the nested objects or lists": (
        spell(customer(5, metadata={"a": 0})).replace(b"0}", DEEP.encode() + b"}"), customer(5, metadata={"a": 0}),
    ),
    "add the field": (spell(less(customer(6), "name")), customer(6)),
    'correct the spelling, or set unknown_fields = "pass"': (
        spell({**customer(7), "contry": "PE"}), customer(7, country="PE"),
    ),
    "write the value with the JSON type that the message names": (spell(customer(8, name=7)), customer(8, name="7")),
    "correct the value as the message says": (spell(customer(9, gender="M")), customer(9, gender="MALE")),
    "emails are unique per account: correct one of the two customers": (
        spell(customer(10, email="c0@example.com")), customer(10),
    ),
    "shorten the record, or raise max_line_bytes; the dead letter holds only its beginning: put all of it into `raw`": (
        spell(customer(11, name=LONG)), customer(11, name="Ana"),
    ),
}  # fmt: skip
"""By remedy: a line with that fault, and the record after the remedy is followed."""
STRICT = {"MASIVO_UNKNOWN_FIELDS": "reject", "MASIVO_MAX_LINE_BYTES": "4000"}


def write_broken(directory):
    """Write three good customers, then one with each fault; also write what the export should have been."""
    good = [customer(number) for number in range(3)]
    path = directory / "customers.ndjson"
    path.write_bytes(b"\n".join([*map(spell, good), *(line for line, _ in BROKEN.values())]) + b"\n")
    right = directory / "right"
    right.mkdir()
    (right / "customers.ndjson").write_bytes(
        b"".join(spell(record) + b"\n" for record in [*good, *(record for _, record in BROKEN.values())])
    )
    return right


def correct(directory, kind, change):
    """Rewrite `raw` of each dead letter by `change(letter)`; None deletes the dead letter."""
    path = directory / "state" / f"dead-letter.{kind}.ndjson"
    corrected = []
    for letter in lines(path):
        raw = change(letter)
        if raw is not None:
            letter.pop("raw_base64", None)
            corrected.append(json.dumps({**letter, "raw": raw}))
    path.write_text("".join(line + "\n" for line in corrected))


def test_customers_are_corrected_in_place(served, tmp_path):
    """Each fault is shown with its remedy. Then the command of the next step, pasted, sends the records."""
    right = write_broken(tmp_path)
    done = migrate(served, tmp_path, **STRICT)
    assert done.returncode == 3, done.stderr
    for remedy in BROKEN:
        expect_advice(done, remedy)
    expect_advice(
        done,
        "dead-letter.<kind>.ndjson in the state directory holds them: correct `raw`, then start masivo-stream retry",
    )
    after = (right / "customers.ndjson").read_text().splitlines()
    assert len(lines(tmp_path / "state" / "dead-letter.customers.ndjson")) == len(BROKEN)
    correct(tmp_path, "customers", lambda letter: after[letter["line"] - 1])
    command = next_command(done, "correct `raw` in {…}/dead-letter.{…}.ndjson, then send the corrected records")
    done = paste(command, key=served.key, **STRICT)
    assert done.returncode == 0, done.stdout
    arrived(served, right)


@pytest.mark.parametrize("way", ["the export", "its dead letters"])
def test_findings_of_validate_are_corrected_before_or_after_the_migration(way, served, tmp_path):
    """They are corrected in the export before anything is sent, or as dead letters of the migration."""
    right = write_broken(tmp_path)
    done = run(
        "validate", "--customers", tmp_path / "customers.ndjson", "--state-dir", tmp_path / "dry", "--json", **STRICT
    )
    assert done.returncode == 3
    expect_advice(
        done,
        "correct these lines in the export before you migrate; or migrate, correct the dead letters, then start"
        " masivo-stream retry",
    )
    if way == "the export":
        shutil.copy(right / "customers.ndjson", tmp_path / "customers.ndjson")
        assert migrate(served, tmp_path, **STRICT).returncode == 0
    else:
        assert migrate(served, tmp_path, **STRICT).returncode == 3
        after = (right / "customers.ndjson").read_text().splitlines()
        correct(tmp_path, "customers", lambda letter: after[letter["line"] - 1])
        assert go("retry", served, tmp_path, **STRICT).returncode == 0
    arrived(served, right)


def test_a_file_that_is_not_utf8_is_converted(served, tmp_path):
    """Converted with iconv before the migration, the lines are accepted."""
    line, record = BROKEN["export as UTF-8; before a migration the file can be converted, for example with iconv"]
    (tmp_path / "latin").write_bytes(line + b"\n")
    done = run("validate", "--customers", tmp_path / "latin", "--state-dir", tmp_path / "dry", "--json")
    assert done.returncode == 3
    expect_advice(done, "export as UTF-8; before a migration the file can be converted, for example with iconv")
    iconv = shutil.which("iconv")
    if iconv is None:
        pytest.skip("there is no iconv")
    with (tmp_path / "customers.ndjson").open("wb") as converted:
        subprocess.run([iconv, "-f", "latin1", "-t", "utf8", tmp_path / "latin"], stdout=converted, check=True)
    assert json.loads((tmp_path / "customers.ndjson").read_bytes()) == record
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


@pytest.mark.parametrize(
    ("strict", "says", "fields", "lenient"),
    [
        (
            {"MASIVO_UNKNOWN_FIELDS": "reject"},
            'correct the spelling, or set unknown_fields = "pass"',
            {"contry": "PE"},
            {"MASIVO_UNKNOWN_FIELDS": "pass"},
        ),
        (
            {"MASIVO_MAX_BODY_BYTES": "2000"},
            "shorten the record, or raise max_body_bytes if the target takes larger bodies",
            {"note": LONG},
            {"MASIVO_MAX_BODY_BYTES": "8000"},
        ),
    ],
    ids=["unknown_fields", "max_body_bytes"],
)
def test_a_setting_accepts_the_record(strict, says, fields, lenient, served, tmp_path):
    """The record stays as it was: a retry with the quoted setting sends it."""
    make_exports(tmp_path, kinds=["customers"])
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(spell(customer(3, **fields)) + b"\n")
    done = migrate(served, tmp_path, **strict)
    assert done.returncode == 3
    expect_advice(done, says)
    done = go("retry", served, tmp_path, **lenient)
    assert done.returncode == 0, done.stdout
    arrived(served, tmp_path)


def test_a_line_that_is_too_long_is_completed(served, tmp_path):
    """The dead letter holds the beginning. With the whole line, and a higher limit, the record arrives."""
    make_exports(tmp_path, kinds=["customers"])
    record = spell(customer(3, name=LONG))
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(record + b"\n")
    done = migrate(served, tmp_path, **STRICT)
    assert done.returncode == 3
    expect_advice(
        done,
        "shorten the record, or raise max_line_bytes; the dead letter holds only its beginning: put all of it into"
        " `raw`",
    )
    correct(tmp_path, "customers", lambda letter: record.decode())
    done = go("retry", served, tmp_path, MASIVO_MAX_LINE_BYTES="8000")
    assert done.returncode == 0, done.stdout
    arrived(served, tmp_path)


def test_a_record_that_is_too_large_is_shortened(served, tmp_path):
    """Shortened until it fits, it arrives."""
    make_exports(tmp_path, kinds=["customers"])
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(spell(customer(3, note=LONG)) + b"\n")
    done = migrate(served, tmp_path, MASIVO_MAX_BODY_BYTES="2000")
    expect_advice(done, "shorten the record, or raise max_body_bytes if the target takes larger bodies")
    correct(tmp_path, "customers", lambda letter: json.dumps(customer(3, note="x")))
    assert go("retry", served, tmp_path, MASIVO_MAX_BODY_BYTES="2000").returncode == 0
    arrived(served, tmp_path)


def test_one_record_per_customer_is_kept(served, tmp_path):
    """The dead letter of the other record is deleted: it stays counted, and the record that arrived is the first."""
    make_exports(tmp_path, kinds=["customers"])
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(spell(customer(1, name="Other", email="o@example.com")) + b"\n")
    done = migrate(served, tmp_path)
    assert done.returncode == 3
    expect_advice(done, "keep one record for this customer")
    correct(tmp_path, "customers", lambda letter: None)
    done = go("retry", served, tmp_path)
    assert (done.returncode, json.loads(done.stdout)["kinds"]["customers"]["dead"]) == (3, 1)
    arrived(served, tmp_path, without={"customers": {4}})


@pytest.mark.parametrize("way", ["left out", "added"])
def test_a_record_without_items_is_left_out_or_filled(way, served, tmp_path):
    """It is left out of the export before the migration, or filled in its dead letter."""
    make_exports(tmp_path)
    events, right = tmp_path / "events.ndjson", (tmp_path / "events.ndjson").read_bytes()
    events.write_bytes(right.replace(right.splitlines()[1], b'{"id": "c1", "events": []}'))
    if way == "left out":
        done = run("validate", "--events", events, "--state-dir", tmp_path / "dry", "--json")
        expect_advice(done, "leave the record out, or add its events or transactions")
        events.write_bytes(b"".join(right.splitlines(keepends=True)[::2]))
        assert migrate(served, tmp_path).returncode == 0
    else:
        done = migrate(served, tmp_path)
        expect_advice(done, "leave the record out, or add its events or transactions")
        correct(tmp_path, "events", lambda letter: right.splitlines()[1].decode())
        assert go("retry", served, tmp_path).returncode == 0
        events.write_bytes(right)
    arrived(served, tmp_path)


def test_the_oldest_transactions_are_merged(served, tmp_path):
    """One customer has 1001 transactions. The oldest two become one with their sum, and all fit into one request."""
    make_exports(tmp_path, 1, kinds=["customers", "transactions"], items=1001)
    done = migrate(served, tmp_path)
    assert done.returncode == 3, done.stdout
    expect_advice(done, "one customer's transactions must fit one request: merge the oldest into one")
    record = json.loads((tmp_path / "transactions.ndjson").read_bytes())
    first, second, *others = record["transactions"]
    merged = {**first, "amount": first["amount"] + second["amount"]}
    correct(tmp_path, "transactions", lambda letter: json.dumps({**record, "transactions": [merged, *others]}))
    done = go("retry", served, tmp_path)
    assert done.returncode == 0, done.stdout
    assert served.ledger()["transactions"] == {"c0": 1000}


def test_records_that_wait_for_a_customer_are_sent_with_it(served, tmp_path):
    """After the customer's dead letter is corrected, a retry sends all three records."""
    make_exports(tmp_path)
    wanted = expected_ledger(tmp_path)
    customers = (tmp_path / "customers.ndjson").read_bytes().splitlines()
    broken = spell(less(json.loads(customers[1]), "name"))
    (tmp_path / "customers.ndjson").write_bytes(b"\n".join([customers[0], broken, customers[2]]) + b"\n")
    done = migrate(served, tmp_path)
    assert done.returncode == 3
    expect_advice(
        done, "its customer is a dead letter, or unknown to the account: correct or add the customer first, then retry"
    )
    correct(tmp_path, "customers", lambda letter: customers[1].decode())
    assert go("retry", served, tmp_path).returncode == 0
    assert {kind: served.ledger()[kind] for kind in KINDS} == wanted


def test_a_refused_record_is_corrected_as_the_server_says(served, tmp_path):
    """Its words are in the message. With the amount that matches the balance, the record arrives."""
    make_exports(tmp_path, kinds=["customers", "transactions"])
    right = (tmp_path / "transactions.ndjson").read_bytes()
    wrong = right.replace(right.splitlines()[1], right.splitlines()[1].replace(b'"amount": 1', b'"amount": 5'))
    (tmp_path / "transactions.ndjson").write_bytes(wrong)
    done = migrate(served, tmp_path, "--skip-checks", "balance_mismatch")
    assert done.returncode == 3
    expect_advice(
        done,
        "see in the message who refused it and why; correct the record, or ask them to let it pass",
    )
    (letter,) = lines(tmp_path / "state" / "dead-letter.transactions.ndjson")
    assert "balance" in letter["message"]
    correct(tmp_path, "transactions", lambda letter: right.splitlines()[1].decode())
    assert go("retry", served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_a_uuid_is_written_like_the_example(served, tmp_path):
    """The example in the message, used as the value, is accepted."""
    make_exports(tmp_path, kinds=["customers"])
    balance = [{"amount": 1, "reward_id": "points"}]
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(spell(customer(3, balance=balance)) + b"\n")
    assert migrate(served, tmp_path).returncode == 3
    (letter,) = lines(tmp_path / "state" / "dead-letter.customers.ndjson")
    assert letter["message"].endswith("a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a")
    correct(tmp_path, "customers", lambda letter: letter["raw"].replace("points", letter["message"].split()[-1]))
    assert go("retry", served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_a_line_that_is_not_a_dead_letter_is_corrected(served, tmp_path):
    """Nothing was taken. With `raw` corrected in place and the rest unchanged, the retry sends it."""
    right = write_broken(tmp_path)
    assert migrate(served, tmp_path, **STRICT).returncode == 3
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n", b"\nnot a letter\n", 1))
    done = go("retry", served, tmp_path, **STRICT)
    assert done.returncode == 5
    expect_advice(done, "correct `raw` in place, one JSON object per line, and leave the other fields as they are")
    path.write_bytes(whole)
    after = (right / "customers.ndjson").read_text().splitlines()
    correct(tmp_path, "customers", lambda letter: after[letter["line"] - 1])
    assert go("retry", served, tmp_path, **STRICT).returncode == 0
    arrived(served, right)


@pytest.mark.parametrize("way", ["retry", "put back"])
def test_corrected_dead_letters_are_not_overwritten(way, served, tmp_path):
    """A migration refuses to continue over them.

    Either a retry sends them, or the file is restored and the run continues.
    """
    right = write_broken(tmp_path)
    assert migrate(served, tmp_path, **STRICT).returncode == 3
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    whole = path.read_bytes()
    after = (right / "customers.ndjson").read_text().splitlines()
    correct(tmp_path, "customers", lambda letter: after[letter["line"] - 1])
    done = migrate(served, tmp_path, **STRICT)
    assert done.returncode == 2
    expect_advice(
        done, "masivo-stream retry sends the corrected ones and continues the run; otherwise restore the file"
    )
    if way == "retry":
        assert go("retry", served, tmp_path, **STRICT).returncode == 0
        arrived(served, right)
    else:
        path.write_bytes(whole)
        assert migrate(served, tmp_path, **STRICT).returncode == 3
        assert path.read_bytes() == whole
        assert set(served.ledger()["customers"].values()) == {1}


MORE = [{"gender": 1}, {"dob": 1}, {"dob": "1"}, {"country": 1}, {"balance": 1}, {"devices": 1}, {"email": 1}]
"""More faults than `BROKEN` has, so that there are more groups than are shown."""


def test_json_has_more_groups_than_are_shown(served, tmp_path):
    """The tables show a dozen, the largest first; `--json` and a report from the file have all of them."""
    write_broken(tmp_path)
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.writelines(spell(customer(20 + number, **fields)) + b"\n" for number, fields in enumerate(MORE))
    flags = ["--customers", tmp_path / "customers.ndjson", *sending(served, tmp_path)]
    done = run("migrate", *flags, key=served.key, COLUMNS="300", **QUICK, **STRICT)
    planned = run("plan", *flags[:2], "--state-dir", tmp_path / "dry", COLUMNS="300", **STRICT)
    for each in (done, planned):
        expect_advice(each, "{…}  and {…}{…} more group{…}, see --json")
    asked = [
        run("status", "--state-dir", tmp_path / "state", "--json"),
        run("validate", *flags[:2], "--state-dir", tmp_path / "dry", "--json", **STRICT),
    ]
    groups = [json.loads(each.stdout)["fault_groups"] for each in asked]
    assert len(groups[0]["listed"]) == len(BROKEN) + len(MORE)
    assert groups[0] == groups[1]


def test_json_has_the_reasons_of_deleted_dead_letters(served, tmp_path):
    """If none of them is in its file, they are shown by reason, as the journal counts them."""
    write_broken(tmp_path)
    flags = ["--customers", tmp_path / "customers.ndjson", *sending(served, tmp_path)]
    assert run("migrate", *flags, key=served.key, **QUICK, **STRICT).returncode == 3
    correct(tmp_path, "customers", lambda letter: None)
    expect_advice(
        run("status", "--state-dir", tmp_path / "state", COLUMNS="300"), "{…}: and {…} more reason{…}, see --json"
    )
    shown = json.loads(run("status", "--state-dir", tmp_path / "state", "--json").stdout)
    assert len(shown["kinds"]["customers"]["reasons"]) == len(BROKEN)
    assert shown["fault_groups"]["listed"] == []


@pytest.mark.parametrize("way", ["one purchase", "two purchases"])
def test_a_duplicate_event_is_deleted_or_gets_its_own_id(way, served, tmp_path):
    """Its dead letter is deleted, and the purchase counts once. Or it gets its own id, and counts beside the other."""
    make_exports(tmp_path, kinds=["customers", "events"])
    lines_of = (tmp_path / "events.ndjson").read_bytes().splitlines(keepends=True)
    (tmp_path / "events.ndjson").write_bytes(b"".join([*lines_of, lines_of[0]]))
    done = migrate(served, tmp_path)
    assert done.returncode == 3
    expect_advice(done, "delete the dead letter if it is one purchase; if not, give it a purchase_id of its own")
    correct(tmp_path, "events", lambda letter: None if way == "one purchase" else letter["raw"].replace("c0-0", "c0-9"))
    assert go("retry", served, tmp_path).returncode == (3 if way == "one purchase" else 0)
    wanted = {"c0-0": 1} if way == "one purchase" else {"c0-0": 1, "c0-9": 1}
    assert served.ledger()["events"]["c0"] == wanted


def test_a_duplicate_field_is_removed(served, tmp_path):
    """With the right value, the record arrives."""
    make_exports(tmp_path, kinds=["customers"])
    twice = spell(customer(3))[:-1] + b', "id": "c4"}'
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(twice + b"\n")
    done = migrate(served, tmp_path)
    assert done.returncode == 3, done.stdout
    expect_advice(done, "keep the field once in its object, with the right value")
    correct(tmp_path, "customers", lambda letter: json.dumps(customer(3)))
    assert go("retry", served, tmp_path).returncode == 0
    assert served.ledger()["customers"] == {f"c{number}": 1 for number in range(4)}
