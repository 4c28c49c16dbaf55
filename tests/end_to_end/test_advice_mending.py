"""Advice about correcting dead letters by cause: if it is followed, the corrected records have arrived once."""

import csv
import json
import shlex

import pytest
from advice_tools import arrived, expect_advice, go, make_record, migrate, next_command, paste, type_in
from end_to_end_tools import lines, run
from fakes import write_export

pytestmark = pytest.mark.slow

LISTS = "masivo-stream mend lists the causes with their names, and the corrections that were made"
LEFT_OUT = "write the whole value, or leave its cell empty; the dead letter has the value that the list leaves out"
NO_FIELD = (
    "leave its correction empty if the list names no field: the whole line is corrected in the export, or in `raw` of"
    " the dead-letter file"
)
COLUMNS = (
    "the first line names the columns: id, and a path for each field, such as events[].order.value; or id, field and"
    " correction, as masivo-stream dead-letters --csv writes them"
)


def make_broken(directory):
    """Write customers of whom three have a gender that is not the API's; also what they should be, in `right`."""
    records = [make_record("customers", number) for number in range(6)]
    (directory / "right").mkdir()
    right = [{**each, "gender": "MALE"} if number < 3 else each for number, each in enumerate(records)]
    write_export(directory / "right" / "customers.ndjson", right)
    wrong = [{**each, "gender": "M"} if number < 3 else each for number, each in enumerate(records)]
    write_export(directory / "customers.ndjson", wrong)


def correct(directory, *words):
    """Run `mend` on the run of a directory."""
    return run("mend", *words, "--state-dir", directory / "state", COLUMNS="400")


def only_cause(directory):
    """Return the short name of the only cause."""
    (found,) = json.loads(correct(directory, "--json").stdout)["causes"]
    return found["id"]


@pytest.fixture
def broken(served, tmp_path):
    """Return a directory after a migration that made three dead letters of one cause."""
    make_broken(tmp_path)
    assert migrate(served, tmp_path).returncode == 3
    return tmp_path


def ends_well(served, directory):
    """Send what was corrected; every customer has arrived once, as it should be."""
    assert go("retry", served, directory).returncode == 0
    arrived(served, directory / "right")


def test_the_next_step_leads_to_a_correction(served, tmp_path):
    """The command of the step shows the causes; what it says, pasted with a value, corrects them."""
    make_broken(tmp_path)
    done = migrate(served, tmp_path)
    step = "see the dead letters by cause, and correct all of one cause at once, or give them up"
    done = paste(next_command(done, step), COLUMNS="400")
    assert done.returncode == 0
    name, *_ = expect_advice(done, "  masivo-stream mend {…} {…}{…}")
    directory = f" --state-dir {shlex.quote(str(tmp_path / 'state'))}"
    for flag in ("--set VALUE", "--map OLD=NEW", "--csv corrections.csv", '--give-up "why"'):
        assert f"  masivo-stream mend {name} {flag}{directory}\n" in done.stdout.decode()
    line = f"masivo-stream mend {name} --map M=MALE{directory} --yes"
    assert paste(line).returncode == 0
    done = correct(tmp_path)
    expect_advice(done, "  masivo-stream retry{…}")
    assert f"  masivo-stream retry{directory}\n" in done.stdout.decode()
    ends_well(served, tmp_path)


WRONG = [
    (["nothing", "--set", "MALE"], LISTS, []),
    (["--set", "MALE"], "masivo-stream mend lists the causes with their names", []),
    (["CAUSE", "--set", "m"], "write a value that the field takes", ["--set", "MALE"]),
    (
        ["CAUSE", "--field", "gendre", "--set", "MALE"],
        "name a field of the API, such as {…}; a list has [] after its name",
        ["--field", "FOUND", "--set", "MALE"],
    ),
    (
        ["customers", "--set", "MALE"],
        "name its path, such as --field {…}",
        ["--field", "gender", "--set", "MALE"],
    ),
    (
        ["CAUSE", "--map", "M"],
        "write it so: --map M=MALE --map F=FEMALE",
        ["--map", "M=MALE", "--map", "F=FEMALE"],
    ),
    (
        ["CAUSE", "--set", "MALE", "--convert"],
        "use one of these flags, then correct again with the other",
        ["--set", "MALE"],
    ),
    (["CAUSE", "--give-up", ""], 'say why, such as --give-up "test accounts"', ["--set", "MALE"]),
    (["CAUSE", "--zone", "Lima"], "write Z, or an offset such as -05:00", ["--set", "MALE"]),
    (["CAUSE", "--csv", "none.csv"], "name a CSV file that can be read", ["--set", "MALE"]),
    (["CAUSE", "--set", "MALE", "NOT YES"], "answer yes, or give --yes", ["--set", "MALE"]),
]
"""Words of a wrong correction, its advice, and what is right; `--set MALE` if that is nothing more."""


def test_a_wrong_correction_is_corrected_as_its_hint_says(served, broken):
    """It changes nothing; then the right one is made, and undone for the next."""
    path = broken / "state" / "dead-letter.customers.ndjson"
    name, before = only_cause(broken), path.read_bytes()
    for words, advice, right in WRONG:
        yes = [] if "NOT YES" in words else ["--yes"]
        done = correct(broken, *(name if word == "CAUSE" else word for word in words if word != "NOT YES"), *yes)
        assert done.returncode in {2, 5}, words
        found = expect_advice(done, advice)
        assert path.read_bytes() == before
        way = [found[0] if word == "FOUND" else word for word in right or ["--set", "MALE"]]
        assert correct(broken, "customers" if words[0] == "customers" else name, *way, "--yes").returncode == 0
        assert correct(broken, "--undo", "--yes").returncode == 0
        assert path.read_bytes() == before
    assert correct(broken, name, "--set", "MALE", "--yes").returncode == 0
    ends_well(served, broken)


WRONG_TABLES = [
    (b"customer,gender\nc0,MALE\n", COLUMNS),
    (b"id,gender\nc0,MALE\nc0,MALE\n", "keep one line for each id and field, with the right value"),
    (
        b"id,gender\nc0,MALE,\n",
        'write a cell that holds the separator or a quote in quotes: "a, b" and "a ""b"""',
    ),
    (b"id,gender\nc0,M\n", "write the value that the field takes; an empty cell leaves the field as it is"),
    (
        "id,gender\nc0,MALE\n".encode("utf-16"),
        'save it as "CSV UTF-8", or convert it: iconv -f utf-16 -t utf-8',
    ),
    (b"id,gender\nc\xe90,MALE\n", 'save it as "CSV UTF-8", or convert it: iconv -f latin1 -t utf-8'),
]
"""Tables, and the advice about each."""


def test_a_wrong_table_is_corrected_as_its_hint_says(served, broken):
    """It is named with its line; then the right one is taken."""
    name = only_cause(broken)
    for text, advice in WRONG_TABLES:
        (broken / "fixes.csv").write_bytes(text)
        done = correct(broken, name, "--csv", broken / "fixes.csv", "--yes")
        assert done.returncode == 5
        expect_advice(done, advice)
    (broken / "fixes.csv").write_text("id,gender\nc0,MALE\nc1,MALE\nc2,MALE\n")
    assert correct(broken, name, "--csv", broken / "fixes.csv", "--yes").returncode == 0
    ends_well(served, broken)


def test_what_fits_a_cause_is_proposed_and_corrects_it(served, tmp_path):
    """A date wants a zone, a wrong type its JSON type; a line that is no JSON is corrected with an editor."""
    records = [make_record("customers", number) for number in range(5)]
    records[1]["name"] = records[1]["email"]
    records[2]["gender"] = "MALE"
    (tmp_path / "right").mkdir()
    write_export(tmp_path / "right" / "customers.ndjson", records)
    wrong = [dict(each) for each in records]
    wrong[0]["registration_date"] = wrong[0]["registration_date"].replace("T", " ").removesuffix("Z")
    del wrong[1]["email"]
    wrong[2]["gendre"] = wrong[2].pop("gender")
    wrong[3]["balance"] = [{**each, "amount": str(each["amount"])} for each in wrong[3]["balance"]]
    write_export(tmp_path / "customers.ndjson", wrong)
    export = tmp_path / "customers.ndjson"
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[:-1]) + b'{"id": "c4",\n')
    assert migrate(served, tmp_path, "--unknown-fields", "reject").returncode == 3
    causes = {
        (each["reason"], each["field"]): each for each in json.loads(correct(tmp_path, "--json").stdout)["causes"]
    }
    for cause, shown, words in (
        (("invalid_value", "registration_date"), "--zone Z", ["--zone", "Z"]),
        (("missing_field", "email"), "--copy FIELD", ["--copy", "name"]),
        (("unknown_field", "…"), "--rename NAME", ["--rename", "gender"]),
        (("wrong_type", "balance[].amount"), "--convert", ["--convert"]),
    ):
        name = causes[cause]["id"]
        assert f"mend {name} {shown} --state-dir" in correct(tmp_path, name).stdout.decode()
        assert correct(tmp_path, name, *words, "--yes").returncode == 0
    name = only_cause(tmp_path)
    assert b"--set" not in correct(tmp_path, name).stdout
    done = correct(tmp_path, name, "--set", "x", "--yes")
    (file,) = expect_advice(done, "correct `raw` in {…} with an editor, then retry; or give them up: --give-up")
    letters = tmp_path / "state" / file
    found = [json.loads(line) for line in letters.read_bytes().splitlines()]
    for each in found:
        if each["reason"] == "invalid_json":
            each["raw"] = json.dumps(records[4])
    write_export(letters, found)
    ends_well(served, tmp_path)


def test_a_filled_in_list_is_corrected_as_its_hints_say(served, broken):
    """A line for another kind is passed over, and taken with that kind; kinds and fields stay as they are."""
    table = broken / "list.csv"
    right = "id,kind,field,correction\nc0,customers,gender,MALE\nc1,customers,gender,MALE\nc2,customers,gender,MALE\n"
    for text, advice in (
        ("c0,person,gender,MALE", "leave the column `kind` as masivo-stream dead-letters --csv writes it"),
        ("c0,customers,,MALE", NO_FIELD),
        ('c0,customers,gender,"(left out: 50,000 characters)"', LEFT_OUT),
    ):
        table.write_text(f"id,kind,field,correction\n{text}\n")
        done = correct(broken, only_cause(broken), "--csv", table, "--yes")
        assert done.returncode == 5
        expect_advice(done, advice)
    table.write_text(right + "c0,events,events[0].type,PURCHASE\n")
    done = correct(broken, only_cause(broken), "--csv", table, "--yes")
    _, kind, _ = expect_advice(done, "{…} passed over, for {…}: masivo-stream mend {…} takes them")
    done = correct(broken, kind, "--csv", table, "--yes")
    assert b"3 corrections of the table passed over, for customers" in done.stdout
    ends_well(served, broken)


def test_a_person_is_asked_before_a_correction(served, broken):
    """The answer of a terminal counts; to undo it, too."""
    where = ("--state-dir", broken / "state")
    done = type_in(["mend", only_cause(broken), "--set", "FEMALE", *where], "yes")
    assert done.returncode == 0, done.stderr
    done = type_in(["mend", "--undo", *where], "no")
    assert done.returncode == 2
    expect_advice(done, "answer yes, or give --yes")
    assert correct(broken, "--undo", "--yes").returncode == 0
    assert correct(broken, only_cause(broken), "--set", "MALE", "--yes").returncode == 0
    ends_well(served, broken)


def test_what_a_retry_has_taken_is_corrected_again(served, broken):
    """What was corrected wrongly and has become a dead letter again has its cause again."""
    assert correct(broken, only_cause(broken), "--rename", "sex", "--field", "gender", "--yes").returncode == 0
    assert correct(broken, "--undo", "--yes").returncode == 0
    assert correct(broken, only_cause(broken), "--copy", "name", "--yes").returncode == 0
    assert go("retry", served, broken).returncode == 3
    done = correct(broken, "--undo", "--yes")
    assert done.returncode == 2
    expect_advice(done, "correct again what comes back as a dead letter")
    assert correct(broken, only_cause(broken), "--set", "MALE", "--yes").returncode == 0
    ends_well(served, broken)


def test_a_broken_dead_letter_file_is_put_right(served, broken):
    """The line is named; it is removed, and the rest is corrected."""
    path = broken / "state" / "dead-letter.customers.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole + b"rubbish\n")
    name = only_cause(broken)
    path.write_bytes(b"rubbish\n" + whole)
    done = correct(broken, name, "--set", "MALE", "--yes")
    assert done.returncode == 5
    expect_advice(done, "correct `raw` in place, one JSON object per line, and leave the other fields as they are")
    path.write_bytes(whole)
    assert correct(broken, name, "--set", "MALE", "--yes").returncode == 0
    ends_well(served, broken)


def test_the_right_state_directory_is_named(served, broken):
    """Neither one without dead letters, nor that of a validation."""
    name = only_cause(broken)
    (broken / "empty").mkdir(mode=0o700)
    done = run("mend", "--state-dir", broken / "empty")
    assert done.returncode == 2
    expect_advice(done, "name the --state-dir of the migration, or of the validation, that has dead letters")
    dry = ("--state-dir", broken / "dry")
    assert run("validate", "--customers", broken / "customers.ndjson", *dry).returncode == 3
    done = run("mend", name, "--set", "MALE", "--yes", *dry)
    assert done.returncode == 2
    expect_advice(done, "correct the export; or migrate it, then correct the dead letters of the migration")
    assert correct(broken, name, "--set", "MALE", "--yes").returncode == 0
    ends_well(served, broken)


def test_the_list_is_written_in_one_form(served, broken):
    """As the hints say; filled in by whoever owns the data, it corrects them all."""
    where = ("--state-dir", broken / "state")
    done = run("dead-letters", "--csv", "--json", *where)
    assert done.returncode == 2
    expect_advice(done, "use --csv or --json, not both")
    done = run("dead-letters", "-o", broken / "list.csv", *where)
    assert done.returncode == 2
    expect_advice(done, "give --csv too")
    assert run("dead-letters", "--csv", "-o", broken / "list.csv", *where).returncode == 0
    with (broken / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with (broken / "list.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "correction": "MALE"} for row in rows)
    assert correct(broken, "customers", "--csv", broken / "list.csv", "--yes").returncode == 0
    ends_well(served, broken)


def test_a_long_list_is_written_to_a_file(served, tmp_path):
    """The table ends with the command that writes all of it."""
    records = [make_record("customers", number, gender="M") for number in range(60)]
    write_export(tmp_path / "customers.ndjson", records)
    assert migrate(served, tmp_path).returncode == 3
    done = run("dead-letters", "--state-dir", tmp_path / "state", COLUMNS="400")
    (count,) = expect_advice(
        done, "and {…} more: masivo-stream dead-letters --csv -o dead-letters.csv lists all of them"
    )
    command = "masivo-stream dead-letters --csv -o dead-letters.csv --state-dir state"
    assert paste(command, cwd=tmp_path).returncode == 0
    assert len((tmp_path / "dead-letters.csv").read_text().splitlines()) == 1 + 50 + int(count)
    assert len(lines(tmp_path / "state" / "dead-letter.customers.ndjson")) == 60
