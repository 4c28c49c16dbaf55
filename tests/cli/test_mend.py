"""Dead letters are corrected by cause with `mend`, listed for whoever owns the data, and sent by `retry`."""

import csv
import fcntl
import io
import json
from functools import partial
from pathlib import Path

import anyio
import pytest
from fakes import event, record, write_export
from msgspec.structs import replace

from masivo_stream import MapTo, Mend, Settings, mend
from masivo_stream.model.contract import Kind
from masivo_stream.model.settings import StateSettings


class Steps:
    """Keeps how far each step is."""

    def __init__(self):
        self.latest = {}

    def notify(self, notice):
        self.latest[notice.step] = (notice.done, notice.of)


STATE = Path("masivo-state")
LETTERS = STATE / "dead-letter.customers.ndjson"
EVENT_LETTERS = STATE / "dead-letter.events.ndjson"
ZONELESS = "2020-01-01 10:00:00"


def lines(path):
    """Return the dead letters of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture
def migrated(online, request):
    """Return `command` after a migration that made dead letters of six customers, of three causes."""
    made = [{**record(Kind.CUSTOMERS, number), "id": f"{request.node.name}-{number}"} for number in range(8)]
    for each in made:
        each["email"] = f"{each['id']}@example.com"
    for number in (0, 1, 2):
        made[number]["registration_date"] = ZONELESS
    made[3]["gender"], made[4]["gender"] = "M", "F"
    made[5]["id"] = 7000 + abs(hash(request.node.name)) % 10**12
    made[1]["gender"] = "F"  # two causes
    write_export(Path("customers.ndjson"), made)
    text = Path("customers.ndjson").read_bytes().replace(b'"email": ', b'"email":  ')  # a spelling of its own
    Path("customers.ndjson").write_bytes(text)
    assert online("migrate", "--customers", "customers.ndjson", "--quiet", "--no-verify", "--json").code == 3
    return online


def cause(command, reason, field):
    """Return the short name of a cause."""
    found = json.loads(command("mend", "--json").out)["causes"]
    (name,) = [each["id"] for each in found if (each["reason"], each["field"]) == (reason, field)]
    return name


def correct(command, reason, field, *flags):
    """Correct all dead letters of a cause; return what was printed."""
    done = command("mend", cause(command, reason, field), *flags, "--yes", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_all_of_one_cause_are_corrected_and_arrive(migrated):
    """Everything but the value stays byte for byte; what has other causes still has these."""
    before = lines(LETTERS)
    found = correct(migrated, "invalid_value", "registration_date", "--zone", "Z")
    assert (found["concerned"], found["changed"], found["valid"], found["applied"]) == (3, 3, 2, True)
    assert [(each["field"], each["dead_letters"]) for each in found["still"]] == [("gender", 1)]
    for old, new in zip(before, lines(LETTERS), strict=True):
        assert new["raw"] == old["raw"].replace(ZONELESS, "2020-01-01T10:00:00Z")
        assert {name: new[name] for name in old if name != "raw"} == {k: v for k, v in old.items() if k != "raw"}
    assert correct(migrated, "invalid_value", "gender", "--map", "M=MALE", "--map", "F=FEMALE")["valid"] == 3
    assert correct(migrated, "wrong_type", "id", "--convert")["valid"] == 1
    planned = json.loads(migrated("retry", "--dry-run", "--json").out)
    assert planned["kinds"]["customers"]["corrected"] == 6
    done = migrated("retry", "--quiet", "--no-verify", "--json")
    summary = json.loads(done.out)
    assert (done.code, summary["kinds"]["customers"]["accepted"]) == (0, 8), done.err


def test_a_correction_is_shown_first_and_changes_nothing_by_itself(migrated):
    """A dry run, and one that is not confirmed, leave every file as it was."""
    before = {path.name: path.read_bytes() for path in STATE.iterdir() if path.suffix == ".ndjson"}
    name = cause(migrated, "invalid_value", "registration_date")
    done = migrated("mend", name, "--zone", "Z", "--dry-run")
    shown = " ".join(done.out.split())
    assert (done.code, f'registration_date: "{ZONELESS}" -> "2020-01-01T10:00:00Z"' in shown) == (0, True)
    done = migrated("mend", name, "--zone", "Z")
    assert (done.code, "nothing was changed" in done.err, "would change 3 of 3" in done.err) == (2, True, True)
    assert {path.name: path.read_bytes() for path in STATE.iterdir() if path.suffix == ".ndjson"} == before
    assert not [path for path in STATE.iterdir() if path.name.startswith((".", "mend-"))]


def test_a_mapping_says_which_values_it_does_not_cover(migrated):
    """Before it is made and after; which old values occur nowhere; and nothing that may be personal."""
    name = cause(migrated, "invalid_value", "gender")
    partly = ("--map", "M=MALE", "--map", "f=FEMALE")
    for flag in ("--dry-run", "--yes"):
        shown = " ".join(migrated("mend", name, *partly, flag).out.split())
        assert '2 places stay as before: its value is not among those that are mapped 2 "F" 1 old value' in shown
    seen = Steps()
    settings = Settings(state=StateSettings(state_dir=str(STATE)))
    emails = Mend(cause="customers", action=MapTo({"x": "y"}), field="email")
    found = anyio.run(partial(mend, settings, emails, agree=lambda _: False, observer=seen))
    assert (found.unmapped, found.unmapped_left_out, found.old_values_unused) == ({"***": 6}, 0, 1)
    shown = anyio.run(partial(mend, settings, replace(emails, show_values=True), agree=lambda _: False))
    assert (len(shown.unmapped), shown.unmapped_left_out) == (3, 3)
    size = LETTERS.stat().st_size
    assert seen.latest == {"correcting the dead letters": (size, size)}


@pytest.mark.parametrize("action", [("--zone", "Z"), ("--give-up", "test accounts")])
def test_a_correction_is_undone(migrated, action):
    """Every byte is as it was, and so is every cause."""
    before, listed = sorted(LETTERS.read_bytes().splitlines()), migrated("mend", "--json").out
    correct(migrated, "invalid_value", "registration_date", *action)
    assert sorted(LETTERS.read_bytes().splitlines()) != before
    done = migrated("mend", "--undo", "--yes", "--json")
    assert json.loads(done.out) == {"schema": 1, "number": 1, "kind": "customers", "restored": 3}
    assert sorted(LETTERS.read_bytes().splitlines()) == before
    assert json.loads(migrated("mend", "--json").out)["kinds"] == json.loads(listed)["kinds"]
    assert migrated("mend", "--undo", "--yes").code == 2
    done = migrated("retry", "--quiet", "--no-verify", "--json")
    assert json.loads(done.out)["kinds"]["customers"]["dead"] == 6


def test_corrections_are_undone_one_after_the_other(migrated):
    """The last one first; a dead letter that was changed twice has its first bytes back at the end."""
    before = LETTERS.read_bytes()
    correct(migrated, "invalid_value", "registration_date", "--zone", "Z")
    between = LETTERS.read_bytes()
    correct(migrated, "invalid_value", "gender", "--set", "MALE")
    assert migrated("mend", "--undo", "--yes").code == 0
    assert LETTERS.read_bytes() == between
    assert migrated("mend", "--undo", "--yes").code == 0
    assert LETTERS.read_bytes() == before


def test_what_is_given_up_is_not_sent_and_still_counted(migrated):
    """With its reason; the run closes, and its next steps do not ask for it."""
    found = correct(migrated, "invalid_value", "registration_date", "--give-up", "test accounts")
    assert (found["changed"], len(lines(LETTERS))) == (3, 3)
    done = migrated("retry", "--quiet", "--no-verify", "--json")
    summary = json.loads(done.out)
    assert (summary["kinds"]["customers"]["dead"], summary["closes"]) == (6, True)
    assert summary["fault_groups"]["given_up"] == {"customers": 3}
    (made,) = json.loads(migrated("mend", "--json").out)["corrections"]
    assert (made["gave_up"], made["dead_letters"]) == ("test accounts", 3)
    assert [step["command"].split()[1] for step in summary["next_steps"]] == ["mend", "retry"]
    assert migrated("mend", "customers", "--give-up", "the rest", "--yes").code == 0
    done = migrated("status", "--json")
    assert (done.code, json.loads(done.out)["next_steps"]) == (3, [])
    shown = migrated("status").out
    assert "6 dead letters; 6 are given up" in shown
    assert "\ncomplete; all 6 dead letters are given up, and nothing is left to do\nreport: " in shown
    assert "to do" not in shown.replace("left to do", "")
    assert migrated("report").code == 0
    page = Path("masivo-state/report.html").read_text()
    assert "Complete, with dead letters given up" in page
    assert "start masivo-stream retry" not in page
    assert migrated("mend", "--undo", "--yes").code == 0  # it can be put back, also after a retry
    assert json.loads(migrated("status", "--json").out)["fault_groups"]["given_up"] == {"customers": 3}


def test_status_and_groups_leave_out_what_is_corrected(migrated):
    """They say how many wait for a retry."""
    correct(migrated, "invalid_value", "registration_date", "--zone", "Z")
    found = json.loads(migrated("status", "--json").out)["fault_groups"]
    assert found["corrected"] == {"customers": 2}
    assert {group["field"] for group in found["listed"]} == {"gender", "id"}
    assert "6 dead letters; 2 wait corrected for a retry" in migrated("status").out


def test_values_are_taken_from_a_table_by_id(migrated):
    """By the customer's id; lines whose id no dead letter has are named, and nothing of the record is printed."""
    ids = [json.loads(letter["raw"])["id"] for letter in lines(LETTERS)]
    rows = [
        "id,registration_date,gender",
        f"{ids[0]},2021-05-05T00:00:00Z,",
        f"{ids[1]},2021-05-05T00:00:00Z,MALE",
        "x,,MALE",
    ]
    Path("fixes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    done = migrated("mend", "customers", "--csv", "fixes.csv", "--yes", "--json")
    found = json.loads(done.out)
    assert (found["changed"], found["valid"], found["rows_unused"]) == (2, 2, [4])
    assert found["left"] == {"its id is not in the table": 4}
    assert [json.loads(letter["raw"])["registration_date"] for letter in lines(LETTERS)][:2] == [
        "2021-05-05T00:00:00Z"
    ] * 2


def test_lines_without_a_correction_are_not_called_missing(migrated):
    """Their ids are in the table: only the correction is not."""
    migrated("dead-letters", "--csv", "-o", "list.csv")
    text = Path("list.csv").read_text(encoding="utf-8-sig").splitlines()
    Path("list.csv").write_text("\n".join([text[0], f"{text[1]}2020-01-01T10:00:00Z", *text[2:]]) + "\n")
    found = json.loads(migrated("mend", "customers", "--csv", "list.csv", "--dry-run", "--json").out)
    assert (found["changed"], found["left"]) == (1, {"no correction is filled in for it": 5})


def test_the_list_for_the_owner_comes_back_filled_in(migrated):
    """Without a word about the format: `correction` is the last column."""
    done = migrated("dead-letters", "--csv", "-o", "list.csv")
    assert done.code == 0
    text = Path("list.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbffile,line,kind,id,field,cause,value,correction\r\n")
    assert Path("list.csv").stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert [(row["line"], row["field"]) for row in rows] == [
        *(("1", "registration_date"), ("2", "registration_date"), ("2", "gender"), ("3", "registration_date")),
        *(("4", "gender"), ("5", "gender"), ("6", "id")),
    ]
    assert {row["value"] for row in rows} >= {ZONELESS, "M", "F"}
    for row in rows:
        row["correction"] = {"gender": "FEMALE", "registration_date": "2020-01-01T10:00:00Z"}.get(row["field"], "")
    with Path("list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    found = json.loads(migrated("mend", "customers", "--csv", "list.csv", "--yes", "--json").out)
    assert (found["changed"], found["valid"], found["rows_unused_count"]) == (5, 5, 0)


def test_the_list_of_several_kinds_and_lines_corrects_each_at_its_place(online, request):
    """One customer has a dead letter among the customers, and two among the events; the list is filled in once."""
    made = [{**record(Kind.CUSTOMERS, number), "id": f"{request.node.name}-{number}"} for number in range(2)]
    for each in made:
        each["email"] = f"{each['id']}@example.com"
    made[0]["registration_date"] = ZONELESS
    good, bad = event("a"), {**event("b"), "issued_at": ZONELESS}
    write_export(Path("customers.ndjson"), made)
    owner = made[1]["id"]
    write_export(
        Path("events.ndjson"),
        [{"id": owner, "events": [good, bad]}, {"id": owner, "events": [{**bad, "purchase_id": "c"}, event("d")]}],
    )
    flags = ("--customers", "customers.ndjson", "--events", "events.ndjson", "--quiet", "--no-verify", "--json")
    assert online("migrate", *flags).code == 3
    rows = list(csv.DictReader(io.StringIO(online("dead-letters", "--csv").out)))
    assert [row["field"] for row in rows] == ["registration_date", "events[1].issued_at", "events[0].issued_at"]
    for number, row in enumerate(rows):
        row["correction"] = f"2020-01-0{number + 1}T10:00:00Z"
    with Path("list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = online("mend", "customers", "--csv", "list.csv", "--yes")
    assert (done.code, "2 corrections of the table passed over, for events" in " ".join(done.out.split())) == (0, True)
    found = json.loads(online("mend", "events", "--csv", "list.csv", "--yes", "--json").out)
    assert (found["valid"], found["rows_unused_count"], found["rows_of_other_kinds"]) == (2, 0, {"customers": 1})
    dates = [[each["issued_at"] for each in json.loads(letter["raw"])["events"]] for letter in lines(EVENT_LETTERS)]
    assert dates == [[good["issued_at"], "2020-01-02T10:00:00Z"], ["2020-01-03T10:00:00Z", good["issued_at"]]]


def test_the_list_on_standard_output_has_no_mark(migrated):
    """For other programs; and a table or JSON shows no value of a record, unless it is wanted."""
    assert migrated("dead-letters", "--csv").out.startswith("file,line,kind,id,")
    ids = [str(json.loads(letter["raw"])["id"]) for letter in lines(LETTERS)]
    for flags in ((), ("--json",)):
        shown = migrated("dead-letters", *flags).out
        assert "registration_date" in shown
        assert not any(value in shown for value in (*ids, ZONELESS))
        assert ids[0] in migrated("dead-letters", *flags, "--show-values").out


def test_personal_values_are_masked_unless_they_are_wanted(migrated):
    """In previews, lists and JSON; nothing of a record is in the log or in the journal."""
    name = cause(migrated, "wrong_type", "id")
    (number,) = {str(json.loads(letter["raw"])["id"]) for letter in lines(LETTERS) if letter["field"] == "id"}
    for flags in (("--convert", "--dry-run"), ("--convert", "--dry-run", "--json"), ()):
        done = migrated("mend", name, *flags)
        assert (number in done.out + done.err, "***" in done.out) == (False, True)
        assert number in migrated("mend", name, *flags, "--show-values").out
    correct(migrated, "wrong_type", "id", "--set", "secret-id")
    assert b"secret-id" not in (STATE / "journal.db").read_bytes()
    assert "secret-id" not in migrated("status", "--json").out + migrated("report", "--json").out


def test_a_run_at_work_or_another_correction_is_not_disturbed(migrated):
    """The state directory has one owner; looking is allowed."""
    name = cause(migrated, "wrong_type", "id")
    with (STATE / "lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = migrated("mend", name, "--convert", "--yes")
        assert (done.code, "is in use by" in done.err) == (2, True)
        assert migrated("mend").code == 0
    assert migrated("mend", name, "--convert", "--yes").code == 0


def test_dead_letters_of_a_validation_are_listed_and_not_corrected(command, customers):
    """No retry would send them."""
    path = Path(customers)
    path.write_bytes(path.read_bytes().replace(b'"name":"Ana"', b'"name":7').replace(b'"name": "Ana"', b'"name": 7'))
    assert command("validate", "--customers", customers, "--state-dir", "dry", "--quiet").code == 3
    found = json.loads(command("mend", "--state-dir", "dry", "--json").out)
    assert [each["field"] for each in found["causes"]] == ["name"]
    assert command("dead-letters", "--state-dir", "dry", "--csv").out.count("\n") == 4
    done = command("mend", found["causes"][0]["id"], "--convert", "--yes", "--state-dir", "dry")
    assert (done.code, "no retry sends them" in done.err) == (2, True)


def test_items_inside_a_record_are_corrected(online, request):
    """All faulty ones, also more than a dead letter lists; the others stay as they are."""
    events = [event(str(number), order={**event(str(number))["order"], "value": "12.50"}) for number in range(130)]
    events[7]["order"]["value"] = 1.0
    customer = {**record(Kind.CUSTOMERS, 1), "id": request.node.name, "email": f"{request.node.name}@example.com"}
    write_export(Path("customers.ndjson"), [customer])
    write_export(Path("events.ndjson"), [{"id": request.node.name, "events": events}])
    flags = ("--customers", "customers.ndjson", "--events", "events.ndjson", "--quiet", "--no-verify", "--json")
    assert online("migrate", *flags).code == 3
    found = correct(online, "wrong_type", "events[].order.value", "--convert")
    assert (found["changed"], found["valid"]) == (1, 1)
    (letter,) = lines(STATE / "dead-letter.events.ndjson")
    assert (letter["raw"].count("12.50,"), letter["raw"].count('"12.50"')) == (129, 0)
    assert (letter["faults_now"], letter["faults_left_out"]) == ([], 29)
    done = online("retry", "--quiet", "--no-verify", "--json")
    assert (done.code, json.loads(done.out)["kinds"]["events"]["items_accepted"]) == (0, 130)


def test_what_a_retry_would_send_is_what_it_sends(migrated):
    """Whatever was corrected, given up or left."""
    correct(migrated, "invalid_value", "registration_date", "--zone", "Z")
    correct(migrated, "wrong_type", "id", "--give-up", "no id")
    planned = json.loads(migrated("retry", "--dry-run", "--json").out)["kinds"]["customers"]
    wanted = {"waiting": 5, "corrected": 2, "corrected_faulty": 1, "unchanged_faulty": 2, "given_up": 1}
    assert planned == {**wanted, "unchanged_sent": 0, "unchanged_left": 0}
    done = migrated("retry", "--no-verify", "--json")
    (event_,) = [json.loads(line) for line in done.err.splitlines() if '"retry_planned"' in line]
    assert (event_["to_send"], event_["corrected_faulty"]) == (2, 1)
    assert json.loads(done.out)["kinds"]["customers"]["accepted"] == 4


def test_a_retry_of_a_run_that_was_stopped_says_what_else_it_sends(online, request):
    """The run continues with it: what is pending, and what is not read yet."""
    made = [{**record(Kind.CUSTOMERS, number), "id": f"{request.node.name}-{number}"} for number in range(9)]
    for each in made[:3]:
        each["email"] = f"{each['id']}@example.com"
        each["registration_date"] = ZONELESS
    write_export(Path("customers.ndjson"), made)
    flags = ("--customers", "customers.ndjson", "--max-dead", "1", "--no-verify", "--quiet")
    assert online("migrate", *flags).code == 6
    found = json.loads(online("retry", "--dry-run", "--json").out)
    assert found["pending"] + found["unread"] == 6
    shown = " ".join(online("retry", "--dry-run").out.split())
    assert "nothing sent: retry would send 0 of 3 dead letters and with it, the run continues: 6 pending" in shown


def test_dead_letters_that_a_retry_has_taken_cannot_be_undone(migrated):
    """Nor can those that were edited since; nothing is changed then."""
    correct(migrated, "invalid_value", "registration_date", "--zone", "Z")
    LETTERS.write_bytes(LETTERS.read_bytes().replace(b"2020-01-01T10:00:00Z", b"2020-01-01T11:00:00Z"))
    before = LETTERS.read_bytes()
    done = migrated("mend", "--undo", "--yes")
    assert (done.code, "cannot be undone" in done.err, LETTERS.read_bytes()) == (2, True, before)
    assert migrated("retry", "--quiet", "--no-verify").code == 3
    assert migrated("mend", "--undo", "--yes").code == 2


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal(migrated, monkeypatch, columns):
    """Of the list, of one cause, and of what a correction changes."""
    monkeypatch.setenv("COLUMNS", str(columns))
    name = cause(migrated, "invalid_value", "registration_date")
    for words in (("mend",), ("mend", name), ("mend", name, "--zone", "Z", "--dry-run"), ("retry", "--dry-run")):
        shown = migrated(*words).out.splitlines()
        assert max(map(len, shown)) <= columns


@pytest.mark.parametrize(
    "flag", [["--rename", "sex"], ["--remove"], ["--copy", "name", "--field", "gender"], ["--set", "MALE"]]
)
def test_each_way_to_correct_keeps_the_rest(migrated, flag):
    """Undone, all of them leave the bytes as they were."""
    before = LETTERS.read_bytes()
    found = correct(migrated, "invalid_value", "gender", *flag)
    assert found["changed"] == 3
    assert all(letter["mended"][0]["mend"] == 1 for letter in lines(LETTERS) if "mended" in letter)
    assert migrated("mend", "--undo", "--yes").code == 0
    assert LETTERS.read_bytes() == before


def places(directory):
    """Return the files of a state directory that a correction is about."""
    found = (
        path for path in directory.iterdir() if path.name.lstrip(".").startswith(("dead-letter.", "mend-", "undone-"))
    )
    return {path.name: path.read_bytes() for path in found}


def put(files):
    """Let the state directory have these files, and no others of a correction."""
    for name in places(STATE):
        (STATE / name).unlink()
    for name, content in files.items():
        (STATE / name).write_bytes(content)


@pytest.mark.parametrize("action", [("--zone", "Z"), ("--give-up", "test accounts")])
@pytest.mark.parametrize("died", ["before both", "between", "after both"])
def test_a_correction_is_made_wholly_or_not_at_all(migrated, action, died):
    """A process may die after it has written both new files, between their two names, or before its note."""
    before, journal = places(STATE), (STATE / "journal.db").read_bytes()
    correct(migrated, "invalid_value", "registration_date", *action)
    after = places(STATE)
    new, kept = after[LETTERS.name], after["mend-1.customers.ndjson"]
    left = {
        "before both": {**before, ".dead-letter.customers.ndjson.mend-1": new, ".mend-1.customers.ndjson.new": kept},
        "between": {**before, ".dead-letter.customers.ndjson.mend-1": new, "mend-1.customers.ndjson": kept},
        "after both": after,
    }[died]
    put(left)
    (STATE / "journal.db").write_bytes(journal)
    made = died == "after both"
    found = json.loads(migrated("mend", "--json").out)
    assert len(found["corrections"]) == made
    assert found["kinds"]["customers"]["given_up"] == (3 if made and "--give-up" in action else 0)
    assert json.loads(migrated("status", "--json").out)["fault_groups"]["given_up"] == (
        {"customers": 3} if made and "--give-up" in action else {}
    )
    correct(migrated, "wrong_type", "id", "--convert")
    assert not [name for name in places(STATE) if name.startswith(".")]
    assert migrated("mend", "--undo", "--yes").code == 0
    if made:
        assert migrated("mend", "--undo", "--yes").code == 0
    assert sorted(LETTERS.read_bytes().splitlines()) == sorted(before[LETTERS.name].splitlines())
    assert migrated("mend", "--undo", "--yes").code == 2


@pytest.mark.parametrize("action", [("--zone", "Z"), ("--give-up", "test accounts")])
def test_undoing_is_done_wholly_or_not_at_all(migrated, action):
    """A process that dies in between leaves a correction that can be undone."""
    before = places(STATE)
    correct(migrated, "invalid_value", "registration_date", *action)
    between = places(STATE)
    assert migrated("mend", "--undo", "--yes").code == 0
    restored = places(STATE)[LETTERS.name]
    kept = between.pop("mend-1.customers.ndjson")
    put({**between, "undone-1.customers.ndjson": kept, ".dead-letter.customers.ndjson.undone-1": restored})
    assert migrated("mend", "--undo", "--yes").code == 0
    assert sorted(LETTERS.read_bytes().splitlines()) == sorted(before[LETTERS.name].splitlines())
    assert not [name for name in places(STATE) if name.startswith(".")]
