"""Advice about exports that are validated in parts: if followed, all parts are there, and are taken up."""

import json
import random
import string

import pytest
from advice_tools import LIMITED, expect_advice, make_exports, make_record, paste, run_on_a_small_disk, small_disk
from end_to_end_tools import run
from fakes import write_export

pytestmark = pytest.mark.slow

NAMED = ("--customers", "customers.ndjson")


@pytest.fixture
def work(tmp_path):
    """A working directory with a few customers."""
    return make_exports(tmp_path, 5, kinds=["customers"])


def make(work, part, *more, out="parts", **environment):
    return run("validate", *NAMED, "--part", part, "--out", out, *more, cwd=work, **environment)


def take(work, *more, parts="parts"):
    return run("validate", *NAMED, "--parts", parts, "--json", *more, cwd=work)


MADE_HERE = "make them, each on any machine that sees the exports; on this one, one after the other: {…}"
ONE = "make it, on any machine that sees the exports: {…} --part {…} --out {…}"
SEVERAL = (
    "make them, each on any machine that sees the exports; on this one, one after the other: for part in {…}; do {…}"
    " --part {…} --out {…}; done"
)


def test_missing_parts_are_made_by_the_command_that_is_named(work):
    """All of them, because those that are there are stale, then one: the line is pasted into a shell."""
    assert make(work, "2/2", "--unknown-fields", "reject").returncode == 0
    done = take(work)
    assert done.returncode == 2
    expect_advice(done, SEVERAL)
    (command,) = expect_advice(done, MADE_HERE)
    assert paste(command, cwd=work).returncode == 0
    for path in work.glob("parts/part-00002*"):
        path.unlink()
    done = take(work)
    assert done.returncode == 2
    command, part, out = expect_advice(done, ONE)
    assert paste(f"{command} --part {part} --out {out}", cwd=work).returncode == 0
    assert json.loads(take(work).stdout)["outcome"] == "complete"


@pytest.mark.parametrize(
    ("wrong", "text", "right"),
    [
        (["--part", "1/2"], "name the part, and where its answer goes", ["--part", "1/2", "--out", "parts"]),
        (
            ["--part", "1/2", "--out", "parts", "--parts", "parts"],
            "make the answers of all parts first; then take them up",
            ["--part", "1/2", "--out", "parts"],
        ),
        (
            ["--part", "third", "--out", "parts"],
            "write 3/8 for the third of eight parts, or auto/8 in a job",
            ["--part", "3/8", "--out", "parts"],
        ),
        (
            ["--part", "auto/8", "--out", "parts"],
            "write the number, such as 3/8",
            ["--part", "3/8", "--out", "parts"],
        ),
        (
            ["--part", "9/8", "--out", "parts"],
            "the parts of N are 1/N to N/N, and N is at most {…}",
            ["--part", "8/8", "--out", "parts"],
        ),
        (
            ["--part", "1/99999999", "--out", "parts"],
            "the parts of N are 1/N to N/N, and N is at most 99,999",
            ["--part", "1/99999", "--out", "parts"],
        ),
        (
            ["--part", "1/8", "--out", ""],
            "name a directory; a variable of the shell that is not set leaves nothing",
            ["--part", "1/8", "--out", "parts"],
        ),
        (
            ["--part", "1/8", "--out", "customers.ndjson/parts"],
            "name a directory with --out, one that all machines share",
            ["--part", "1/8", "--out", "parts"],
        ),
        (
            ["--part", "1/8", "--out", "parts", "--max-dead", "5"],
            "leave it out, and give it to the command that takes the answers up with --parts",
            ["--part", "1/8", "--out", "parts"],
        ),
        (
            ["--part", "1/8", "--out", "https://a.test/parts"],
            "name a directory that all machines share, or a folder such as s3://BUCKET/FOLDER",
            ["--part", "1/8", "--out", "parts"],
        ),
    ],
)
def test_a_wrong_part_is_corrected_as_its_hint_says(wrong, text, right, work):
    """Then its answer is there."""
    done = run("validate", *NAMED, *wrong, cwd=work)
    assert done.returncode == 2
    expect_advice(done, text)
    assert run("validate", *NAMED, *right, cwd=work).returncode == 0
    assert len(list((work / "parts").iterdir())) == 1


def test_the_place_of_the_answers_is_corrected(work):
    """It is a file."""
    assert make(work, "1/1").returncode == 0
    done = take(work, parts="customers.ndjson")
    assert done.returncode == 6
    expect_advice(done, "check the path and its permissions")
    assert take(work).returncode == 0


def test_an_answer_that_may_not_be_read_is_named(work):
    """It is not damaged, and not to be made again: here its name is that of a directory."""
    assert make(work, "1/1").returncode == 0
    (answer,) = (work / "parts").iterdir()
    content = answer.read_bytes()
    answer.unlink()
    answer.mkdir()
    done = take(work)
    assert done.returncode == 6
    expect_advice(
        done, "answers can be read by their owner only: start the command as the owner, or let this user read them"
    )
    answer.rmdir()
    answer.write_bytes(content)
    assert take(work).returncode == 0


def test_an_export_from_a_pipe_is_written_to_a_file(work):
    """Then it is divided."""
    done = run("validate", "--customers", "-", "--part", "1/2", "--out", "parts", cwd=work, stdin=b"{}")
    assert done.returncode == 2
    expect_advice(done, "write it to a file that all machines can read, and name that file")
    assert make(work, "1/2").returncode == 0


ANSWER = "free space there, or correct the path and its permissions; then start the same command again"
NOTES = "free space there, or divide the exports into more parts; then start the same command again"


@pytest.mark.parametrize(("count", "fields", "text"), [(1, 49, ANSWER), (300, 0, NOTES)])
def test_a_disk_too_small_for_a_part_is_freed(count, fields, text, tmp_path):
    """For its answer, which names unknown fields, or for its notes."""
    names = ["".join(random.Random(number).choices(string.ascii_lowercase, k=30)) for number in range(fields)]
    records = [make_record("customers", number, **dict.fromkeys(names, 1)) for number in range(count)]
    write_export(tmp_path / "customers.ndjson", records)
    command = ["validate", *NAMED, "--part", "1/1", "--out", "parts"]
    done = run_on_a_small_disk(1, *command, cwd=tmp_path)
    assert done.returncode == 6
    expect_advice(done, LIMITED)
    disk = tmp_path / ("parts" if text == ANSWER else "notes")
    with small_disk(disk, 4):
        if text == ANSWER:  # notes are too large for a page, and Python looks whether there is room for a byte
            (disk / "full").write_bytes(b"x")
        done = run(*command, cwd=tmp_path, TMPDIR=str(tmp_path / "notes"))
    assert done.returncode == 6
    expect_advice(done, text)
    assert not list(tmp_path.glob("parts/*"))
    assert make(tmp_path, "1/1").returncode == 0


def test_a_part_of_an_export_that_has_changed_is_made_again(work):
    """Its lines are others than those of the answer: what is in the middle of a file shows only when it is read."""
    records = make_exports(work, 3000, kinds=["customers"]) / "customers.ndjson"
    assert make(work, "1/1").returncode == 0
    content = bytearray(records.read_bytes())
    content[content.index(b"@", 4500) + 1] ^= 1
    records.write_bytes(content)
    done = take(work)
    assert done.returncode == 5
    text = (
        "if the export is as it should be now, remove the answers of its parts, make all parts again, and start the"
        " same command again; if it is not, restore it"
    )
    expect_advice(done, text)
    for path in (work / "parts").iterdir():
        path.unlink()
    assert make(work, "1/1").returncode == 0
    assert take(work).returncode == 0
