"""Exports between runs: cut, finished, moved, renamed, compressed again, copied.

Everything arrives once, or nothing does.
"""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import zstandard
from core.test_formats import FOREIGN
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, lines, run, serving, wait_until

pytestmark = pytest.mark.slow

RECORDS = 60


class Place:
    """A directory with exports and a state directory, in which commands are started."""

    def __init__(self, directory, served, **named):
        self.directory, self.served, self.named = directory, served, named

    def migrate(self, *arguments, command="migrate", stdin=b"", **named):
        words = [word for kind, names in {**self.named, **named}.items() for word in (f"--{kind}", *names)]
        return self.run(command, *words, *arguments, stdin=stdin)

    def run(self, command, *arguments, stdin=b""):
        sending = () if command in {"validate", "plan"} else ("--base-url", self.served.url, "--limit", "none")
        key = {} if command in {"validate", "plan"} else {"key": self.served.key}
        quick = {"MASIVO_FIRST_PROBE": "0.1", "MASIVO_EVENTS_SETTLE": "0"}
        return run(
            command, *arguments, *sending, "--json", cwd=self.directory, stdin=stdin, timeout=300, **key, **quick
        )

    def ledger(self):
        ledger = self.served.ledger()
        return {kind: ledger[kind] for kind in KINDS}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Generated exports, from which tests take what they need."""
    directory = tmp_path_factory.mktemp("whole")
    for kind in KINDS:
        name = directory / f"{kind}.ndjson"
        assert run("generate", kind, "--records", RECORDS, "--seed", 5, "-o", name).returncode == 0
    return directory


@pytest.fixture
def here(tmp_path, served):
    (tmp_path / "here").mkdir()
    return Place(tmp_path / "here", served, customers=["customers.ndjson"], events=["events.ndjson"])


def text_of(whole, kind="events"):
    return (whole / f"{kind}.ndjson").read_bytes()


def half_of(text, share=0.5):
    rows = text.splitlines(keepends=True)
    return b"".join(rows[: int(len(rows) * share)])


def begin(place, whole, events=None):
    """Migrate all customers and half of the events."""
    (place.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    (place.directory / "events.ndjson").write_bytes(half_of(text_of(whole)) if events is None else events)
    done = place.migrate()
    assert done.returncode == 0, done.stderr


def wanted(whole, *kinds):
    ledger = expected_ledger(whole)
    return {kind: ledger[kind] if kind in kinds else {} for kind in KINDS}


def assert_complete(place, whole, done):
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["closes"]
    assert place.ledger() == wanted(whole, "customers", "events")


def message_and_hint(done):
    """Return the message and the hint of a run that could not begin, or that stopped."""
    if done.stdout.strip():
        summary = json.loads(done.stdout)
        return summary["message"], summary["hint"]
    text = done.stderr.decode()
    hint = re.search(r"hint: (.*)", text)
    return text, hint[1] if hint else ""


# Recognised, whatever its name, place and compression are.


def renamed(directory, text):
    (directory / "events.ndjson").unlink()
    (directory / "orders of 2024.ndjson").write_bytes(text)
    return ["orders of 2024.ndjson"]


def compressed(directory, text):
    (directory / "events.ndjson").unlink()
    (directory / "events.ndjson.gz").write_bytes(gzip.compress(text))
    return ["events.ndjson.gz"]


def zstandard_elsewhere(directory, text):
    (directory / "events.ndjson").unlink()
    (directory / "archive").mkdir()
    (directory / "archive" / "e").write_bytes(zstandard.compress(text))
    return ["archive/e"]


def in_members_under_the_old_name(directory, text):
    (directory / "events.ndjson").write_bytes(gzip.compress(text[:777]) + gzip.compress(text[777:]))
    return ["events.ndjson"]


def plain_with_a_packed_name(directory, text):
    (directory / "events.ndjson").rename(directory / "events.gz")
    (directory / "events.gz").write_bytes(text)
    return ["events.gz"]


def by_its_whole_path(directory, text):
    (directory / "events.ndjson").write_bytes(text)
    return [str(directory / "events.ndjson")]


def by_another_spelling(directory, text):
    (directory / "events.ndjson").write_bytes(text)
    return [f"../{directory.name}/./events.ndjson"]


def through_a_linked_directory(directory, text):
    (directory / "events.ndjson").unlink()
    (directory / "real").mkdir()
    (directory / "real" / "events.ndjson").write_bytes(text)
    (directory / "link").symlink_to("real")
    return ["link/events.ndjson"]


def rotated(directory, text):
    """The old file has another name, and the new records are where the run knew the old one."""
    (directory / "events.ndjson").rename(directory / "events.1.ndjson")
    (directory / "events.ndjson").write_bytes(text[len(half_of(text)) :])
    return ["events.ndjson", "events.1.ndjson"]


def what_is_new_beside_it(directory, text):
    (directory / "events-2.ndjson").write_bytes(text[len(half_of(text)) :])
    return ["events*.ndjson"]


def rotated_and_compressed(directory, text):
    (directory / "events.ndjson").unlink()
    (directory / "events.ndjson.1.gz").write_bytes(gzip.compress(half_of(text)))
    (directory / "events.ndjson").write_bytes(text[len(half_of(text)) :])
    return ["events.ndjson", "events.ndjson.1.gz"]


def with_its_old_times(directory, text):
    status = (directory / "events.ndjson").stat()
    (directory / "events.ndjson").write_bytes(text)
    os.utime(directory / "events.ndjson", ns=(status.st_atime_ns, status.st_mtime_ns))
    return ["events.ndjson"]


MOVES = [
    renamed, compressed, zstandard_elsewhere, in_members_under_the_old_name, plain_with_a_packed_name,
    by_its_whole_path, by_another_spelling, through_a_linked_directory, rotated, what_is_new_beside_it,
    rotated_and_compressed, with_its_old_times,
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_an_export_is_identified_by_its_text(here, whole, move):
    """Half of it was sent.

    It has grown and is another file now: the other half is sent, and nothing of the first half.
    """
    begin(here, whole)
    events = move(here.directory, text_of(whole))
    assert_complete(here, whole, here.migrate(events=events))
    again = here.migrate(events=events)
    assert_complete(here, whole, again)
    assert json.loads(again.stdout)["kinds"]["events"]["accepted"] == RECORDS


def test_an_export_may_change_its_compression_several_times(here, whole):
    """Plain, gzip, zstandard, and plain again, growing all the time, even if its last line had no newline."""
    text = text_of(whole)
    begin(here, whole, events=half_of(text, 0.2).rstrip(b"\n"))
    name = "events.ndjson"
    for share, pack, new in (
        (0.4, gzip.compress, "events.ndjson.gz"),
        (0.6, zstandard.compress, "events.ndjson.zst"),
        (0.8, bytes, "e.ndjson"),
        (1, gzip.compress, "e"),
    ):
        (here.directory / name).unlink()
        name = new
        (here.directory / name).write_bytes(pack(half_of(text, share).rstrip(b"\n")))
        assert here.migrate(events=[name]).returncode == 0
    done = here.migrate(events=[name])
    assert_complete(here, whole, done)
    assert json.loads(done.stdout)["kinds"]["events"]["blank"] == 0


def test_an_earlier_export_may_grow_although_it_is_compressed(here, whole):
    """A later export was begun in the meantime. The lines added to the earlier one are still read."""
    text = text_of(whole)
    rows = text.splitlines(keepends=True)
    first, second, grown = b"".join(rows[:20]), b"".join(rows[20:40]), b"".join(rows[:20] + rows[40:])
    begin(here, whole, events=first)
    (here.directory / "events.ndjson").unlink()
    (here.directory / "events-a.gz").write_bytes(gzip.compress(first))
    (here.directory / "events-b.ndjson").write_bytes(second)
    assert here.migrate(events=["events-a.gz", "events-b.ndjson"]).returncode == 0
    (here.directory / "events-a.gz").write_bytes(gzip.compress(grown))
    assert_complete(here, whole, here.migrate(events=["events-a.gz", "events-b.ndjson"]))
    assert_complete(here, whole, here.migrate(events=["events-a.gz", "events-b.ndjson"]))


def test_two_exports_that_have_swapped_names_are_distinguished(here, whole):
    """One was sent, the other was not begun: names alone would send the first one again."""
    text = text_of(whole)
    begin(here, whole)
    (here.directory / "events.ndjson").rename(here.directory / "x")
    (here.directory / "events-2.ndjson").write_bytes(text[len(half_of(text)) :])
    (here.directory / "events-2.ndjson").rename(here.directory / "events.ndjson")
    (here.directory / "x").rename(here.directory / "events-2.ndjson")
    assert_complete(here, whole, here.migrate(events=["events.ndjson", "events-2.ndjson"]))


def test_thousands_of_parts_may_be_moved_together(here, whole):
    """Some were read, the others were not. All are recognised without help, even if they are compressed again."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    rows = text_of(whole).splitlines(keepends=True)
    (here.directory / "a").mkdir()
    for number, row in enumerate(rows):
        (here.directory / "a" / f"part-{number:03}.ndjson").write_bytes(row)
    torn = here.directory / "a" / "part-030.ndjson"
    torn.write_bytes(rows[30][:-20])
    assert here.migrate(events=["a/*"]).returncode == 5
    (here.directory / "a").rename(here.directory / "b")
    for number, row in enumerate(rows):
        path = here.directory / "b" / f"part-{number:03}.ndjson"
        path.unlink()
        path.with_suffix(".ndjson.gz").write_bytes(gzip.compress(row))
    assert_complete(here, whole, here.migrate(events=["b/*"]))


# Moved with the state directory.


@pytest.fixture
def begun_with_dead_letters(here, whole):
    """A run with a dead letter of each kind, and everything else sent."""
    for kind in KINDS:
        rows = text_of(whole, kind).splitlines(keepends=True)
        if kind != "customers":
            rows[3] = rows[3].replace(b'"id":', b'"di":', 1)
        (here.directory / f"{kind}.ndjson").write_bytes(b"".join(rows))
    here.named["transactions"] = ["transactions.ndjson"]
    assert here.migrate().returncode == 3
    return here


def correct(state):
    for kind in ("events", "transactions"):
        path = state / f"dead-letter.{kind}.ndjson"
        letters = [json.loads(line) for line in path.read_bytes().splitlines()]
        for letter in letters:
            letter["raw"] = letter["raw"].replace('"di":', '"id":', 1)
        path.write_text("".join(json.dumps(letter) + "\n" for letter in letters))


@pytest.mark.parametrize("elsewhere", ["started there", "started elsewhere"])
def test_exports_and_state_move_together(tmp_path, begun_with_dead_letters, whole, elsewhere):
    """In another directory, or on another machine, retry, verify and migrate find the exports beside the state."""
    old, new = begun_with_dead_letters.directory, tmp_path / "other" / "place"
    new.parent.mkdir()
    shutil.copytree(old, new)
    shutil.rmtree(old)
    at = Place(new if elsewhere == "started there" else tmp_path, begun_with_dead_letters.served)
    state = ("--state-dir", os.path.relpath(new / "masivo-state", at.directory))
    correct(new / "masivo-state")
    assert json.loads(at.run("verify", "--all", *state).stdout)["exit_code"] == 0
    assert at.run("retry", *state).returncode == 0
    assert at.ledger() == wanted(whole, *KINDS)
    named = {kind: [os.path.relpath(new / f"{kind}.ndjson", at.directory)] for kind in KINDS}
    done = at.migrate(*state, **named)
    assert done.returncode == 0, done.stderr
    assert json.loads(at.run("verify", "--all", *state).stdout)["exit_code"] == 0
    assert at.ledger() == wanted(whole, *KINDS)


def test_a_moved_export_is_found_by_migrate_or_by_a_flag(tmp_path, begun_with_dead_letters, whole):
    """Both ways out that `retry`, `resolve` and `verify` name lead to the end."""
    at = begun_with_dead_letters
    packed = at.directory / "old events.gz"
    packed.write_bytes(gzip.compress((at.directory / "events.ndjson").read_bytes()))
    (at.directory / "events.ndjson").unlink()
    for command in ("retry", "resolve"):
        message, hint = message_and_hint(at.run(command))
        assert "an export of the run is not where it was" in message
        assert hint == (
            "start migrate once with its present name, which records the new place; or add --moved events.ndjson=PATH"
        )
    seen = json.loads(at.run("verify").stdout)
    assert (seen["exit_code"], "is not where it was" in seen["message"]) == (5, True)
    word = ("--moved", "events.ndjson=old events.gz")
    assert at.run("resolve", *word).returncode == 3
    assert json.loads(at.run("verify", "--all", *word).stdout)["exit_code"] == 0
    assert at.migrate(events=["old events.gz"]).returncode == 3
    correct(at.directory / "masivo-state")
    assert at.run("retry").returncode == 0
    assert json.loads(at.run("verify", "--all").stdout)["exit_code"] == 0
    assert at.ledger() == wanted(whole, *KINDS)
    packed.rename(at.directory / "e")
    assert at.run("retry", "--moved", "events.ndjson=e").returncode == 0
    assert at.run("retry").returncode == 0  # the new name was noted


def test_another_file_with_the_name_of_an_export_is_not_taken_for_it(begun_with_dead_letters):
    """A file has the right name and place, but another content."""
    at = begun_with_dead_letters
    text = (at.directory / "events.ndjson").read_bytes()
    (at.directory / "events.ndjson").write_bytes(text.replace(b'"PURCHASE"', b'"purchase"', 1))
    before = at.ledger()
    for done in (
        at.run("retry"),
        at.run("resolve"),
        at.migrate(),
        at.run("retry", "--moved", "events.ndjson=./events.ndjson"),
    ):
        assert done.returncode == 5
        message, hint = message_and_hint(done)
        assert "is not the one the last run read" in message
        assert "--state-dir" not in hint
    (at.directory / "events.ndjson").write_bytes(text)
    assert at.run("retry").returncode == 3
    assert at.ledger() == before


# Exports for which two files could be meant.


def stop_before_events(place, whole):
    """Make a run know the events export without reading any of it."""
    customers = text_of(whole, "customers")
    (place.directory / "customers.ndjson").write_bytes(customers[:-30])
    (place.directory / "events.ndjson").write_bytes(text_of(whole))
    assert place.migrate().returncode == 5
    (place.directory / "customers.ndjson").write_bytes(customers)


def test_a_renamed_unread_export_needs_a_confirmation(here, whole):
    """Nothing proves that it is the same one: the message quotes the flag, and with the flag the run continues."""
    stop_before_events(here, whole)
    (here.directory / "events.ndjson").unlink()
    (here.directory / "my orders.gz").write_bytes(gzip.compress(text_of(whole)))
    done = here.migrate(events=["my orders.gz"])
    message, hint = message_and_hint(done)
    assert done.returncode == 2
    assert "it is not certain which export is events.ndjson now" in message
    assert hint == "add --moved 'events.ndjson=my orders.gz'"
    words = hint.removeprefix("add --moved ").strip("'")
    assert_complete(here, whole, here.migrate("--moved", words, events=["my orders.gz"]))
    assert_complete(here, whole, here.migrate(events=["my orders.gz"]))


def test_an_unread_export_is_recognised_by_its_samples(here, whole):
    """If it was moved or renamed unchanged, that is certain enough: nothing can be sent twice."""
    stop_before_events(here, whole)
    (here.directory / "events.ndjson").rename(here.directory / "orders")
    assert_complete(here, whole, here.migrate(events=["orders"]))


def test_two_matching_exports_need_a_choice(here, whole):
    """Two copies of one export have grown differently: a person has to say which one is meant."""
    text = text_of(whole)
    rows = text.splitlines(keepends=True)
    begin(here, whole, events=rows[0])
    (here.directory / "events.ndjson").unlink()
    (here.directory / "a").write_bytes(b"".join(rows[:30]))
    (here.directory / "b").write_bytes(rows[0] + b"".join(rows[30:]))
    done = here.migrate(events=["a", "b"])
    message, hint = message_and_hint(done)
    assert done.returncode == 2
    assert "more than one file begins with the part that was read" in message
    assert hint == "add --moved events.ndjson=a or --moved events.ndjson=b"
    assert here.ledger()["events"].keys() == {json.loads(rows[0])["id"]}


# Cut, emptied, finished.


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_truncated_compressed_export_continues_when_it_is_restored(here, whole, pack, share):
    """As its hint says: after it is copied again, the same command sends the rest, and nothing twice."""
    packed = pack(text_of(whole))
    name = here.directory / ("events.gz" if pack is gzip.compress else "events.zst")
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    for cut in (share * 0.5, share, 0.999):
        name.write_bytes(packed[: int(cut * len(packed))])
        done = here.migrate(events=[name.name])
        message, hint = message_and_hint(done)
        assert (done.returncode, "the compressed file is cut off" in message) == (5, True)
        assert re.search(rf"{name.name}:\d+, byte \d+: ", message)
        assert hint.startswith("copy the file or export again, then start the same command again")
        assert json.loads(done.stdout)["kinds"]["events"]["dead"] == 0
    name.write_bytes(packed)
    assert_complete(here, whole, here.migrate(events=[name.name]))


def test_an_apparently_complete_line_of_a_cut_file_is_held_back(here, whole):
    """What follows it is not known: a number, for example, may continue."""
    text = text_of(whole)
    rows = text.splitlines(keepends=True)
    packed = here.directory / "events.gz"
    member = gzip.compress(b"".join(rows[:-1]) + rows[-1].rstrip(b"\n"))
    packed.write_bytes(member[:-8])  # without its checksum
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    done = here.migrate(events=[packed.name])
    assert done.returncode == 5
    assert json.loads(done.stdout)["kinds"]["events"]["accepted"] == RECORDS - 1
    packed.write_bytes(gzip.compress(text))
    assert_complete(here, whole, here.migrate(events=[packed.name]))


class Slow:
    """A slow migration, during which something happens to an export."""

    def __init__(self, place, *names):
        words = [word for name in names for word in ("--events", name)]
        self.process = subprocess.Popen(
            [COMMAND, "migrate", "--customers", "customers.ndjson", *words, "--base-url", place.served.url,
             "--limit", "1/1s", "--json"],
            cwd=place.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(
                MASIVO_API_KEY=place.served.key, MASIVO_FIRST_PROBE="0.1", MASIVO_MAX_BODY_BYTES="8192",
                MASIVO_BLOCK_BYTES="4096", MASIVO_HAND_OFF="1", MASIVO_EVENTS_SETTLE="0",
            ),
        )  # fmt: skip
        wait_until(lambda: place.ledger()["events"], self.process)

    def end(self):
        output, errors = self.process.communicate(timeout=300)
        return subprocess.CompletedProcess([], self.process.returncode, output, errors)


def test_an_export_emptied_while_it_was_read_continues_when_it_is_restored(here, whole):
    """The same holds after a start in between, which changes nothing."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    events = here.directory / "events.ndjson"
    events.write_bytes(text_of(whole))
    slow = Slow(here, "events.ndjson")
    events.write_bytes(b"")  # like `: > events.ndjson`: the same file
    done = slow.end()
    assert (done.returncode, b"bytes at the start, but now ends after" in done.stdout) == (5, True), done.stdout
    before = here.ledger()
    state = {path.name: path.read_bytes() for path in (here.directory / "masivo-state").glob("dead*")}
    for _ in range(2):
        empty = here.migrate()
        assert (empty.returncode, "is empty" in message_and_hint(empty)[0]) == (5, True), empty.stderr
    assert here.ledger() == before
    assert state == {path.name: path.read_bytes() for path in (here.directory / "masivo-state").glob("dead*")}
    events.write_bytes(text_of(whole))
    assert_complete(here, whole, here.migrate())


def test_an_unread_export_may_not_be_emptied(here, whole):
    """Otherwise the run would be complete, without a word about what was in it."""
    stop_before_events(here, whole)
    (here.directory / "events.ndjson").write_bytes(b"")
    done = here.migrate()
    assert (done.returncode, "it had" in message_and_hint(done)[0]) == (5, True)
    (here.directory / "events.ndjson").write_bytes(text_of(whole))
    assert_complete(here, whole, here.migrate())


def test_a_stopped_run_continues_with_a_moved_export(here, whole):
    """The run stopped between reading and sending: what was read is continued from the file at its present place."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    (here.directory / "events.ndjson").write_bytes(text_of(whole))
    slow = Slow(here, "events.ndjson")
    slow.process.send_signal(signal.SIGINT)
    assert slow.end().returncode == 130
    (here.directory / "events.ndjson").unlink()
    (here.directory / "e.gz").write_bytes(gzip.compress(text_of(whole)))
    assert_complete(here, whole, here.migrate(events=["e.gz"]))


# A last line that is not finished.

CUTS = [1, 2, 30, 400]


@pytest.mark.parametrize("packing", ["plain", "gzip", "windows"])
@pytest.mark.parametrize("cut", CUTS)
def test_half_a_line_at_the_end_is_not_a_record_yet(here, whole, cut, packing):
    """It is held back, and named by file, line and byte. When the rest has come, it is one line."""
    text = text_of(whole)
    if packing == "windows":
        text = text.replace(b"\n", b"\r\n")
    pack = gzip.compress if packing == "gzip" else bytes
    rows = text.splitlines(keepends=True)
    begun = b"".join(rows[:40])
    half = begun[: -cut - (len(rows[0]) - len(rows[0].rstrip()))]
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    (here.directory / "events.ndjson").write_bytes(pack(half))
    for command in ("validate", "plan", "migrate", "migrate"):
        done = here.migrate(command=command)
        found = json.loads(done.stdout)
        summary = found["summary"] if command == "plan" else found
        figures = summary["kinds"]["events"]
        assert done.returncode == 5
        assert summary["message"] == f"events.ndjson:40, byte {len(b''.join(rows[:39]))}: the export ends within a line"
        assert (figures["read"], figures["dead"], summary["closes"]) == (39, 0, True)
    (here.directory / "events.ndjson").write_bytes(pack(text))
    assert_complete(here, whole, here.migrate())


def test_a_complete_last_line_is_a_record(here, whole):
    """If only its newline is missing, blanks are still blank."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers").rstrip(b"\n") + b"\n  \t")
    (here.directory / "events.ndjson").write_bytes(text_of(whole).rstrip(b"\n"))
    assert_complete(here, whole, here.migrate())


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_an_unfinished_line_is_validated_after_a_newline_ends_it(here, whole, pack):
    """The hint's command, used literally: the half line becomes a dead letter, which a person corrects."""
    text = text_of(whole)
    name = here.directory / "the events"
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    name.write_bytes(pack(text[:-40]))
    message, hint = message_and_hint(here.migrate(events=[name.name]))
    assert "the export ends within a line" in message
    command = hint.partition("validated as it is: ")[2]
    subprocess.run(["/bin/sh", "-c", command], cwd=here.directory, check=True, timeout=300)
    assert here.migrate(events=[name.name]).returncode == 3
    letters = here.directory / "masivo-state" / "dead-letter.events.ndjson"
    (letter,) = lines(letters)
    assert (letter["reason"], letter["line"]) == ("invalid_json", RECORDS)
    letter["raw"] = text.splitlines()[-1].decode()
    letters.write_text(json.dumps(letter) + "\n")
    done = here.run("retry")
    assert_complete(here, whole, done)


def test_a_line_beyond_the_cap_is_held_back_until_its_newline(here, whole):
    """It is not known whether it is complete. With its newline it is too long, as it is in the middle of a file."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    long = b'{"id":"' + b"x" * 5000 + b'"}'
    path = here.directory / "events.ndjson"
    path.write_bytes(long)
    cap = ("--max-line-bytes", "2048")
    done = here.migrate(*cap)
    assert (done.returncode, "ends within a line" in message_and_hint(done)[0]) == (5, True)
    path.write_bytes(long + b"\n")
    assert here.migrate(*cap).returncode == 3


WRITE = """
import sys, time
text = open(sys.argv[1], "rb").read()
steps = [begin * len(text) // 37 for begin in range(38)]
with open(sys.argv[2], "ab", buffering=0) as export:
    for begin, end in zip(steps, steps[1:]):
        export.write(text[begin:end])
        time.sleep(0.15)
"""


def test_an_export_that_grows_during_the_run_is_read_up_to_its_last_complete_line(here, whole):
    """A writer appends in pieces that end anywhere. After many starts, every line has arrived."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    (here.directory / "events.ndjson").write_bytes(b"")
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, whole / "events.ndjson", here.directory / "events.ndjson"]
    ) as writer:
        while writer.poll() is None:
            assert here.migrate().returncode in {0, 5}
    done = here.migrate()
    assert_complete(here, whole, done)
    assert json.loads(done.stdout)["kinds"]["events"]["read"] == RECORDS


# Pipes.


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_pipe_may_be_compressed(here, whole, pack):
    """Its first bytes identify it."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    done = here.migrate(events=["-"], stdin=pack(text_of(whole)))
    assert_complete(here, whole, done)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_pipe_that_ends_within_a_line_continues_as_a_file(here, whole, pack):
    """Its hint works: written to a file, it is recognised by its content. The pipe itself cannot be continued."""
    text = text_of(whole)
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    done = here.migrate(events=["-"], stdin=pack(text[: len(text) // 2]))
    message, hint = message_and_hint(done)
    assert (done.returncode, message.startswith("-:")) == (5, True)
    assert hint.endswith(
        "write the export to a file and name that file instead of -: the part that was already read is recognised"
    )
    for again in (here.migrate(events=["-"], stdin=text), here.run("retry")):
        assert again.returncode == 5
        assert "write the export to a file and name that file instead of -" in message_and_hint(again)[1]
    (here.directory / "e").write_bytes(text)
    assert_complete(here, whole, here.migrate(events=["e"]))
    assert here.run("retry").returncode == 0
    assert_complete(here, whole, here.migrate(events=["e"]))


def test_an_unread_pipe_may_be_given_again(here, whole):
    """The run had stopped before it reached that export."""
    customers = text_of(whole, "customers")
    (here.directory / "customers.ndjson").write_bytes(customers[:-30])
    assert here.migrate(events=["-"], stdin=text_of(whole)).returncode == 5
    (here.directory / "customers.ndjson").write_bytes(customers)
    assert_complete(here, whole, here.migrate(events=["-"], stdin=text_of(whole)))


def test_a_pipe_that_is_not_an_export_is_refused(here, whole):
    """It is refused when its first bytes arrive; nothing of it is sent."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    done = here.migrate(events=["-"], stdin=text_of(whole).decode().encode("utf-16"))
    assert (done.returncode, "encoded in UTF-16" in message_and_hint(done)[0]) == (5, True)
    assert here.ledger()["events"] == {}


# Refused before anything is sent.

REFUSED = ["bzip2", "xz", "zip", "7z", "tar", "Parquet", "UTF-16 with a mark", "UTF-16 without", "UTF-32 big-endian",
           "a page", "CSV", "an array on one line", "an array over lines", "pretty", "old Macintosh"]  # fmt: skip


def test_a_file_that_is_not_an_export_is_refused_before_anything_is_sent(here, whole, tmp_path):
    """That includes compressed ones, and one that follows a real export. `plan` and `validate` report the same."""
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    for name in REFUSED:
        content, what = FOREIGN[name]
        for packed in (content, gzip.compress(content)):
            (here.directory / "events.ndjson").write_bytes(packed)
            done = here.migrate(command="validate" if packed is not content else "migrate")
            message, hint = message_and_hint(done)
            assert done.returncode == 5, (name, done.stderr)
            assert f"the export is {what}" in message
            assert "events.ndjson" in message
            assert hint
    assert not (here.directory / "masivo-state" / "journal.db").exists()
    assert not any(here.ledger().values())


@pytest.mark.parametrize("command", ["migrate", "plan", "validate"])
def test_a_duplicate_export_is_refused_before_anything_is_sent(here, whole, command):
    """A copy, a compressed copy, a link, an older one, one for two kinds: both names are in the message."""
    text = text_of(whole)
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    events = here.directory / "events-1.ndjson"
    events.write_bytes(text)
    other = here.directory / "events-2.ndjson"
    for make in (
        lambda: os.link(events, other),
        lambda: other.symlink_to(events),
        lambda: other.write_bytes(text),
        lambda: other.write_bytes(gzip.compress(text)),
        lambda: other.write_bytes(half_of(text)),
        lambda: other.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")),
    ):
        make()
        done = here.migrate(command=command, events=["events-*.ndjson"])
        other.unlink()
        assert done.returncode == 2, done.stderr
        assert b"events-1.ndjson" in done.stderr
        assert b"events-2.ndjson" in done.stderr
    assert here.migrate(command=command, events=["customers.ndjson"]).returncode == 2
    assert not any(here.ledger().values())


def test_a_copy_of_a_read_export_is_refused(here, whole):
    """It was named in addition; without it the run continues."""
    begin(here, whole)
    shutil.copy(here.directory / "events.ndjson", here.directory / "copy")
    assert here.migrate(events=["events.ndjson", "copy"]).returncode == 2
    (here.directory / "events.ndjson").write_bytes(text_of(whole))
    assert here.migrate(events=["events.ndjson", "copy"]).returncode == 2
    assert_complete(here, whole, here.migrate(events=["events.ndjson"]))


def test_joined_files_with_byte_order_marks_are_read(here, whole):
    """As with `cat`: each line is a record."""
    rows = text_of(whole).splitlines(keepends=True)
    mark = b"\xef\xbb\xbf"
    (here.directory / "customers.ndjson").write_bytes(text_of(whole, "customers"))
    (here.directory / "events.ndjson").write_bytes(
        mark + b"".join(rows[:20]) + mark + mark + b"".join(rows[20:40]) + mark + b"".join(rows[40:]) + mark
    )
    assert_complete(here, whole, here.migrate())
    assert_complete(here, whole, here.migrate())


@pytest.fixture
def served(tmp_path):
    """A sandbox without limits."""
    with serving(tmp_path, "--limits", "none", visible_after=0) as sandbox:
        yield sandbox
