"""Whole stories of several runs, from other accounts to copied state directories, with whole commands.

    python tests/between_runs.py            # all cases; exit 0 if each one ends as it must
    python tests/between_runs.py --only 5   # the cases whose name begins with 5
    python tests/between_runs.py --jobs 1   # one after the other

Each case is a function. It makes its exports, starts sandboxes and commands in a directory of its own, and checks exit
codes, messages and the sandbox's ledger against the exports. It uses the program from outside only: migrations that are
killed, and those on a full disk, are installed commands; the others are forked (`forks`). `.ci/run` runs it.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from end_to_end_tools import (
    COMMAND,
    KINDS,
    clean_environment,
    expected_ledger,
    lines,
    run,
    serving,
    wait_until,
)
from fakes import event, record, transaction, write_export

from masivo_stream.model.contract import SANDBOX_API_KEY, Kind

ANOTHER_KEY = "11111111-2222-4333-8444-555555555555"
HASTE = {"MASIVO_FIRST_PROBE": "0.05", "MASIVO_FIRST_DELAY": "0.05", "MASIVO_LONGEST_DELAY": "0.2"}
CASES = []
JOBS = 4
"""Most cases wait for a moment, or for a server."""

_SHOWN = 1500


def case(number):
    """Register a case under its name."""

    def register(play):
        CASES.append((number, play))
        return play

    return register


class Scene:
    """A directory, the sandboxes that serve while the case is played, and the commands started in it."""

    def __init__(self, directory, stack):
        self.directory, self._stack = Path(directory), stack
        self.shared = self.directory / "shared"

    def serve(self, *arguments, visible_after=0.05):
        """Serve a sandbox until the case ends; each has its own port, and so its own origin."""
        return self._stack.enter_context(
            serving(self.directory, "--limits", "none", *arguments, visible_after=visible_after)
        )

    def export(self, kind, records, name=None):
        """Write records of a kind; return the path."""
        return write_export(self.directory / (name or f"{kind}.ndjson"), records)

    def customers(self, count, *, first=0, name=None, **fields):
        records = [record(Kind.CUSTOMERS, number, **fields) for number in range(first, first + count)]
        return self.export("customers", records, name)

    def events(self, count, *, first=0, name=None, items=1):
        records = [record(Kind.EVENTS, number, items) for number in range(first, first + count)]
        return self.export("events", records, name)

    def command(self, name, served, *arguments, state="state", key=SANDBOX_API_KEY, cwd=None, **environment):
        """Run a command with a state directory to its end."""
        named = ["--state-dir", self.directory / state] if state else []
        sending = ["--base-url", served.url, "--limit", "none"] if served else []
        environment = {**HASTE, "MASIVO_EVENTS_SETTLE": "0.5", "MASIVO_SHARED_DIR": str(self.shared), **environment}
        done = run(name, *arguments, *sending, *named, key=key, cwd=cwd or self.directory, **environment)
        done.words = (done.stdout + done.stderr).decode(errors="replace")
        assert "Traceback" not in done.words, done.words
        return done

    def migrate(self, served, *arguments, **options):
        return self.command("migrate", served, "--json", *arguments, **options)

    def start(self, served, *arguments, state="state", **environment):
        """Start a migration and leave it running."""
        command = [COMMAND, "migrate", *arguments, "--json", "--base-url", served.url, "--limit", "none"]
        environment = {**HASTE, "MASIVO_API_KEY": served.key, "MASIVO_SHARED_DIR": str(self.shared), **environment}
        return subprocess.Popen(
            list(map(str, [*command, "--state-dir", self.directory / state])),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(**environment),
            cwd=self.directory,
        )

    def kill_half_way(self, served, *arguments, batches=3, **options):
        """Start a migration, and end it with kill -9 when some batches have left."""
        process = self.start(served, *arguments, **options)
        wait_until(lambda: sent(served) >= batches, process)
        assert process.poll() is None, f"it ended before it was killed: {process.stdout.read()}"
        process.kill()
        process.communicate()


def expect(done, code, *words):
    """Check a command's exit code and some words of its output."""
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {done.words}"
    for word in words:
        assert word.lower() in done.words.lower(), f"{word!r} is not said: {done.words}"


def summary(done):
    return json.loads(done.stdout)


def requests(served):
    """Return how many requests of each target were made."""
    return {target: sum(outcomes.values()) for target, outcomes in served.get("/__sandbox/ledger")["requests"].items()}


def sent(served):
    """Return how many batches were sent."""
    return sum(count for target, count in requests(served).items() if target in KINDS)


def arrived(served, directory, without=None):
    """Check that every record of the exports is there exactly once; what was taken back does not count."""
    ledger, wanted = served.ledger(), expected_ledger(directory, without)
    for kind in KINDS:
        there = _less(ledger[kind], ledger["reverted"][kind])
        assert there == wanted[kind], f"{kind}: {_difference(there, wanted[kind])}"


def _less(applied, reverted):
    """Return counts without those that were taken back; counts of events are nested one level deeper."""
    left = {}
    for key, count in applied.items():
        gone = reverted.get(key, {} if isinstance(count, dict) else 0)
        left[key] = _less(count, gone) if isinstance(count, dict) else count - gone
    return {key: count for key, count in left.items() if count}


def _difference(there, wanted):
    return {key: (there.get(key), wanted.get(key)) for key in there.keys() | wanted.keys()
            if there.get(key) != wanted.get(key)}  # fmt: skip


# The wrong account, or twice.


@case("1 another key, a finished run")
def another_key(scene):
    """The state directory of one account is refused for another one, before any request."""
    served, customers = scene.serve(), scene.customers(20)
    expect(scene.migrate(served, "--customers", customers), 0)
    before = requests(served)
    done = scene.migrate(served, "--customers", customers, key=ANOTHER_KEY)
    expect(done, 2, "account", "--same-account")
    assert requests(served) == before
    assert ANOTHER_KEY not in done.words
    expect(scene.migrate(served, "--customers", customers), 0)


@case("1 another address, a finished run")
def another_address(scene):
    """Another port is another account; with its own state directory it receives everything."""
    first, second = scene.serve(), scene.serve()
    customers = scene.customers(20)
    expect(scene.migrate(first, "--customers", customers), 0)
    done = scene.migrate(second, "--customers", customers)
    expect(done, 2, str(first.port), str(second.port), "--same-account")
    assert sent(second) == 0
    expect(scene.migrate(second, "--customers", customers, state="state-of-the-second"), 0)
    arrived(second, scene.directory)


@case("1 another address, killed half way")
def another_address_half_way(scene):
    """The rest of a run that was killed does not go to another server."""
    first, second = scene.serve("--fault", "delay=0.3"), scene.serve()
    customers = scene.customers(400)
    small = {"MASIVO_MAX_BODY_BYTES": "4000"}
    scene.kill_half_way(first, "--customers", customers, **small)
    expect(scene.migrate(second, "--customers", customers, **small), 2, str(first.port), str(second.port))
    assert sent(second) == 0
    expect(scene.migrate(first, "--customers", customers, **small), 0)
    assert set(first.ledger()["customers"]) == {f"c{number}" for number in range(400)}


@case("2 a second state directory")
def second_state_directory(scene):
    """What an account has received is not sent again from another state directory, or under another name."""
    served, _ = scene.serve(), scene.customers(30)
    events = scene.events(30)
    expect(scene.migrate(served, "--customers", "customers.ndjson", "--events", events), 0)
    before = sent(served)
    copy = scene.directory / "elsewhere" / "copy.ndjson.gz"
    copy.parent.mkdir()
    copy.write_bytes(gzip.compress(Path(events).read_bytes()))
    for number, export in enumerate((events, copy)):
        done = scene.migrate(served, "--events", export, state=f"other-{number}")
        expect(done, 2, "--again", str(scene.directory / "state"))
    assert sent(served) == before
    done = scene.migrate(served, "--events", events)
    expect(done, 2, "customers.ndjson")
    expect(scene.migrate(served, "--customers", "customers.ndjson", "--events", events), 0)
    arrived(served, scene.directory)


@case("2 another working directory")
def another_working_directory(scene):
    """The default state directory is relative: from another place the same command does not send everything again."""
    served = scene.serve()
    customers = scene.customers(30)
    for name, code in (("here", 0), ("there", 2)):
        (scene.directory / name).mkdir()
        done = scene.migrate(served, "--customers", customers, state=None, cwd=scene.directory / name)
        expect(done, code)
    assert sent(served) == 1
    expect(done, 2, "--again", str(scene.directory / "here"))


@case("3 one input once")
def one_input_once(scene):
    """A file, its compressed copy and its hard link are refused before the first request; both are named."""
    served = scene.serve()
    scene.customers(20)
    events = Path(scene.events(20, name="events-1.ndjson"))
    packed = scene.directory / "events-1.ndjson.gz"
    linked = scene.directory / "events-2.ndjson"
    shorter = scene.directory / "events-3.ndjson"
    others = {
        packed: lambda: packed.write_bytes(gzip.compress(events.read_bytes())),
        linked: lambda: os.link(events, linked),
        shorter: lambda: shorter.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:12])),
    }
    for other, make in others.items():
        make()
        for command in ("migrate", "plan"):
            done = scene.command(command, served if command == "migrate" else None, "--customers", "customers.ndjson",
                                 "--events", "events-*")  # fmt: skip
            expect(done, 2, "events-1.ndjson", other.name)
        other.unlink()
    assert sent(served) == 0
    expect(scene.migrate(served, "--customers", "customers.ndjson", "--events", "events-*"), 0)
    events.rename(scene.directory / "events.ndjson")
    arrived(served, scene.directory)


@case("4 one purchase twice")
def one_purchase_twice(scene):
    """An event that is there already is a dead letter; for one that only has its purchase id there is a warning."""
    served = scene.serve()
    scene.customers(3)
    again = {"id": "c0", "events": [event("c0-0")]}
    other = {"id": "c1", "events": [event("c1-0", issued_at="2024-02-01T00:00:00Z")]}
    scene.events(3, name="events-1.ndjson")
    scene.export("events", [again, other], "events-2.ndjson")
    done = scene.command("plan", None, "--events", "events-*.ndjson", "--json", state=None)
    expect(done, 3, "duplicate_event", "c1-0" if "c1-0" in done.words else "purchase")
    done = scene.migrate(served, "--customers", "customers.ndjson", "--events", "events-*.ndjson")
    expect(done, 3, "duplicate_event")
    ledger = served.ledger()["events"]
    assert ledger == {"c0": {"c0-0": 1}, "c1": {"c1-0": 2}, "c2": {"c2-0": 1}}, ledger
    assert any("purchase" in warning for warning in summary(done)["warnings"]), summary(done)["warnings"]


# The program's own advice.


@case("5 a compressed export, cut and restored")
def cut_and_restored(scene):
    """With the whole file in its place every record arrives once, as the message says."""
    served = scene.serve()
    scene.customers(400)
    events = Path(scene.events(400))
    packed, whole = scene.directory / "events.ndjson.gz", gzip.compress(events.read_bytes())
    packed.write_bytes(whole[: len(whole) // 2])
    small = {"MASIVO_MAX_BODY_BYTES": "20000"}
    export = ("--customers", "customers.ndjson", "--events", packed)
    done = scene.migrate(served, *export, **small)
    expect(done, 5, packed.name)
    assert summary(done)["kinds"]["events"]["dead"] == 0
    packed.write_bytes(whole)
    expect(scene.migrate(served, *export, **small), 0)
    arrived(served, scene.directory)


@case("6 an export emptied while it is read")
def emptied_and_restored(scene):
    """Restored byte for byte it continues; a start in between changes nothing."""
    served = scene.serve("--fault", "delay=0.2")
    customers = Path(scene.customers(6000))
    content = customers.read_bytes()
    small = {"MASIVO_MAX_BODY_BYTES": "20000", "MASIVO_BLOCK_BYTES": "4096"}
    process = scene.start(served, "--customers", customers, **small)
    wait_until(lambda: sent(served) >= 2, process)
    os.truncate(customers, 0)
    said = process.communicate(timeout=300)[0].decode()
    assert process.returncode == 5, said
    expect(scene.migrate(served, "--customers", customers, **small), 5)
    customers.write_bytes(content)
    expect(scene.migrate(served, "--customers", customers, **small), 0)
    assert set(served.ledger()["customers"].values()) == {1}
    arrived(served, scene.directory)


@case("7 export and state moved")
def moved(scene):
    """Moved to another directory, renamed and compressed again, the run continues."""
    served = scene.serve("--fault", "delay=0.2,times=6")
    here, there = scene.directory / "here", scene.directory / "there"
    here.mkdir()
    scene.customers(300)
    events = write_export(here / "events.ndjson", [record(Kind.EVENTS, number) for number in range(300)])
    shutil.copy(events, scene.directory)
    small = {"MASIVO_MAX_BODY_BYTES": "20000"}
    expect(scene.migrate(served, "--customers", "customers.ndjson", state="here/state", **small), 0)
    shutil.copy(scene.directory / "customers.ndjson", here)
    scene.kill_half_way(
        served, "--customers", scene.directory / "customers.ndjson", "--events", events,
        state="here/state", batches=sent(served) + 2, **small,
    )  # fmt: skip
    here.rename(there)
    packed = there / "renamed.ndjson.gz"
    packed.write_bytes(gzip.compress((there / "events.ndjson").read_bytes()))
    (there / "events.ndjson").unlink()
    done = scene.migrate(
        served, "--customers", there / "customers.ndjson", "--events", packed, state="there/state", **small
    )
    expect(done, done.returncode)
    assert done.returncode in (0, 4), done.words  # what was in flight when it was killed is in doubt
    doubtful = {doubt["line"] for doubt in lines(there / "state" / "in-doubt.events.ndjson")} if (
        there / "state" / "in-doubt.events.ndjson").exists() else set()  # fmt: skip
    ledger = served.ledger()["events"]
    assert all(count == 1 for purchases in ledger.values() for count in purchases.values())
    assert {f"c{number}" for number in range(300) if number + 1 not in doubtful} <= ledger.keys()
    expect(scene.command("verify", served, "--sample", "5", state="there/state"), 0)


@case("8 a partial revert")
def partial_revert(scene):
    """`migrate --only-missing` sends what was taken back, and nothing else."""
    served = scene.serve()
    scene.customers(40, name="customers-1.ndjson")
    scene.customers(40, first=40, name="customers-2.ndjson")
    expect(scene.migrate(served, "--customers", "customers-1.ndjson"), 0)
    served.ledger()
    time.sleep(1.1)
    middle = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(1.1)
    events = scene.events(80)
    everything = ("--customers", "customers-1.ndjson", "customers-2.ndjson", "--events", events)
    expect(scene.migrate(served, *everything), 0)
    served.ledger()
    time.sleep(1.1)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    done = scene.command("revert", served, "--from", middle, "--to", end, "--yes")
    expect(done, 0, "--only-missing")
    expect(scene.migrate(served, *everything), 2, "--only-missing")
    done = scene.migrate(served, *everything, "--only-missing", MASIVO_VISIBLE_TIMEOUT="1")
    expect(done, 0)
    for name in ("customers-1.ndjson", "customers-2.ndjson"):
        with (scene.directory / "customers.ndjson").open("ab") as file:
            file.write((scene.directory / name).read_bytes())
    arrived(served, scene.directory)
    before = sent(served)
    expect(scene.migrate(served, *everything), 0)
    assert sent(served) == before


# Answers and files that look like something else.


NO_ACCEPTANCE = {
    "multistatus=1,on=events,times=1": 4,
    "status=200,body=error,on=events,times=1": 4,
    "status=202,body=errors,on=events,times=1": 4,
    "html,type=,on=events,times=1": 4,
    "status=204,applied=yes,body=empty,on=events,times=1": 0,
}


@case("9 answers that are no acceptance")
def no_acceptance(scene):
    """A 207, an error in a 200 and a page leave events in doubt; a 204 is accepted, with a warning."""
    for number, (fault, code) in enumerate(NO_ACCEPTANCE.items()):
        served = scene.serve("--fault", fault)
        scene.customers(3)
        events = scene.events(3)
        done = scene.migrate(served, "--customers", "customers.ndjson", "--events", events, state=f"state-{number}")
        expect(done, code)
        if code == 0:
            assert summary(done)["warnings"], done.words
            arrived(served, scene.directory)


@case("9 a firewall that dislikes one record")
def firewall(scene):
    """A page from it isolates that record, does not blame the key, and lets the others arrive."""
    served = scene.serve("--fault", "firewall=DROP TABLE,server=cloudflare,ray=8f1a2b3c")
    records = [record(Kind.CUSTOMERS, number) for number in range(20)]
    records[7]["metadata"] = {"note": "DROP TABLE"}
    done = scene.migrate(served, "--customers", scene.export("customers", records))
    expect(done, 3)
    assert "api key" not in done.words.lower()
    assert "permission" not in done.words.lower()
    (letter,) = lines(scene.directory / "state" / "dead-letter.customers.ndjson")
    assert (letter["line"], letter["reason"]) == (8, "refused")
    assert "cloudflare" in letter["message"]
    assert "8f1a2b3c" in letter["message"]
    arrived(served, scene.directory, without={"customers": {8}})


@case("10 marks of deleted customers")
def marks(scene):
    """Live customers with an empty mark arrive, deleted ones in any spelling do not, and the rest are dead letters."""
    served = scene.serve()
    live = [{"deleted_at": ""}, {"deleted_at": False}, {"deleted_at": "0000-00-00 00:00:00"}, {"deleted_at": None},
            {"deleted": "false"}, {"deleted": 0}, {"deleted": "no"}, {"status": "ACTIVE"}]  # fmt: skip
    gone = [{"deleted": "true"}, {"deleted": 1}, {"status": "deleted"}, {"deleted": True}, {"deleted": "yes"},
            {"deleted_at": "2024-01-01T00:00:00Z"}]  # fmt: skip
    odd = [{"deleted": "perhaps"}, {"deleted": [1]}]
    records = [record(Kind.CUSTOMERS, number, **mark) for number, mark in enumerate([*live, *gone, *odd])]
    done = scene.migrate(served, "--customers", scene.export("customers", records))
    expect(done, 3)
    figures = summary(done)["kinds"]["customers"]
    assert (figures["accepted"], figures["skipped"], figures["dead"]) == (len(live), len(gone), len(odd)), figures
    assert figures["reasons"] == {"invalid_value": len(odd)}
    listed = lines(scene.directory / "state" / "skipped.customers.ndjson")
    assert [skip["line"] for skip in listed] == [len(live) + number for number in range(1, len(gone) + 1)]
    done = scene.command("plan", None, "--customers", "customers.ndjson", state=None)
    expect(done, 3, "skipped")


@case("11 deleted customers left in")
def deleted_left_in(scene):
    """Their events and transactions are skipped with them: no further request, exit 0."""
    served = scene.serve()
    records = [record(Kind.CUSTOMERS, number, **({"deleted": True} if number % 5 == 0 else {})) for number in range(50)]
    exports = ("--customers", scene.export("customers", records), "--events", scene.events(50))
    done = scene.migrate(served, *exports)
    expect(done, 0)
    figures = summary(done)["kinds"]["events"]
    assert (figures["requests"], figures["skipped"]) == (1, 10), figures
    assert figures["skip_reasons"] == {"customer_deleted": 10}
    assert set(served.ledger()["events"]) == {f"c{number}" for number in range(50) if number % 5}


@case("12 half a line at the end")
def half_a_line(scene):
    """It is held back; when the rest comes it is one line."""
    served = scene.serve()
    content = Path(scene.customers(20)).read_bytes()
    export = scene.directory / "customers.ndjson"
    export.write_bytes(content[:-40])
    done = scene.migrate(served, "--customers", export)
    expect(done, 5, "customers.ndjson", "within a line")
    assert summary(done)["kinds"]["customers"]["dead"] == 0
    export.write_bytes(content)
    expect(scene.migrate(served, "--customers", export), 0)
    arrived(served, scene.directory)


@case("13 the years 0001 and 9999")
def extreme_years(scene):
    """Transactions of these years are sent, verified and resolved."""
    served = scene.serve("--fault", "status=503,applied=yes,on=transactions,times=1")
    rewards = [{"reward_id": transaction()["reward_id"], "amount": 3}]
    scene.export("customers", [record(Kind.CUSTOMERS, number, balance=rewards) for number in range(2)])
    dated = [
        {"id": "c0", "transactions": [{**transaction(3), "issued_at": "0001-01-01T00:00:00+14:00"}]},
        {"id": "c1", "transactions": [{**transaction(3), "issued_at": "9999-12-31T23:59:59-12:00"}]},
    ]
    scene.export("transactions", dated)
    exports = ("--customers", "customers.ndjson", "--transactions", "transactions.ndjson")
    expect(scene.migrate(served, *exports), 4)
    expect(scene.command("resolve", served, "--accept", "all", "--yes"), 0)
    expect(scene.command("verify", served, "--all"), 0)
    arrived(served, scene.directory)


@case("14 a disk that is still full")
def full_disk(scene):
    """Every command ends with 6 while nothing can be written, and continues when there is room."""
    served, customers = scene.serve(), scene.customers(400)
    small = {"MASIVO_MAX_BODY_BYTES": "4000"}
    limited = scene.directory / "limited"
    script = scene.directory / "limited.sh"
    script.write_text('#!/bin/sh\nulimit -f 0\nexec "$@"\n')
    script.chmod(0o700)
    expect(scene.migrate(served, "--customers", customers, **small), 0)
    for command in ("migrate", "resolve", "retry", "verify"):
        exports = ["--customers", str(customers)] if command == "migrate" else []
        done = subprocess.run(
            [script, COMMAND, command, *exports, "--base-url", served.url, "--limit", "none", "--state-dir",
             scene.directory / "state"],
            capture_output=True, check=False, timeout=300,
            env=clean_environment(**HASTE, MASIVO_API_KEY=served.key, MASIVO_SHARED_DIR=str(limited), **small),
        )  # fmt: skip
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 6, f"{command}: exit {done.returncode}: {said}"
        assert "Traceback" not in said, said
    expect(scene.migrate(served, "--customers", customers, **small), 0)
    arrived(served, scene.directory)


@case("15 ids that a gateway refuses")
def odd_ids(scene):
    """Plain ids are read back. If there are only odd ones, the run reports it and continues. 0 probes reads none."""
    for number, (ids, probes) in enumerate({("a/b", "plain", "c/d"): 3, ("a/b", "c/d"): 3, ("e/f",): 0}.items()):
        # without probes the run waits for nothing
        served = scene.serve("--fault", "no-slash", visible_after=0.05 if probes else 0)
        scene.export("customers", [{**record(Kind.CUSTOMERS, place), "id": name} for place, name in enumerate(ids)])
        scene.export("events", [{**record(Kind.EVENTS, place), "id": name} for place, name in enumerate(ids)])
        done = scene.migrate(
            served, "--customers", "customers.ndjson", "--events", "events.ndjson", state=f"state-{number}",
            MASIVO_VISIBLE_PROBES=str(probes), MASIVO_VISIBLE_TIMEOUT="5",
        )  # fmt: skip
        expect(done, 0)
        arrived(served, scene.directory)
        if not probes:
            assert "read" not in requests(served)


@case("16 six types of transactions")
def transaction_types(scene):
    """A ledger with expirations and the other types adds up and arrives; `guide` accepts only two types."""
    served = scene.serve()
    reward = transaction()["reward_id"]
    booked = [("ACCUMULATION", 10), ("REDEMPTION", -3), ("EXPIRATION", -2), ("MIGRATION", 5), ("TRANSFER", -1),
              ("REVERSAL", 3)]  # fmt: skip
    balance = [{"reward_id": reward, "amount": sum(amount for _, amount in booked)}]
    scene.export("customers", [record(Kind.CUSTOMERS, 0, balance=balance)])
    rows = [{**transaction(amount), "type": name} for name, amount in booked]
    scene.export("transactions", [{"id": "c0", "transactions": rows}])
    exports = ("--customers", "customers.ndjson", "--transactions", "transactions.ndjson")
    expect(scene.migrate(served, *exports), 0)
    arrived(served, scene.directory)
    done = scene.command("validate", None, "--transactions", "transactions.ndjson", state="dry",
                         MASIVO_TRANSACTION_TYPES="guide")  # fmt: skip
    expect(done, 3)


@case("17 a field given twice")
def field_twice(scene):
    """Parsers differ on which one counts: it is a dead letter with its own reason, for each kind and spelling."""
    served = scene.serve()
    plain = json.dumps(record(Kind.CUSTOMERS, 0))
    twice = [
        plain[:-1] + ', "id": "other"}',
        plain[:-1] + ', "\\u0069d" : "other"}',
        plain.replace('"email"', '"name": "Eve", "email"'),
    ]
    fine = json.dumps(record(Kind.CUSTOMERS, 9, metadata={"id": "x", "note": '"id":"y"'}))
    (scene.directory / "customers.ndjson").write_text("".join(line + "\n" for line in [*twice, fine]))
    done = scene.migrate(served, "--customers", "customers.ndjson")
    expect(done, 3)
    assert summary(done)["kinds"]["customers"]["reasons"] == {"duplicate_field": 3}
    assert served.ledger()["customers"] == {"c9": 1}
    order = json.dumps(record(Kind.EVENTS, 9)).replace('"purchase_id"', '"purchase_id": "other", "purchase_id"')
    (scene.directory / "events.ndjson").write_text(order + "\n")
    done = scene.command("validate", None, "--events", "events.ndjson", "--json", state="dry")
    expect(done, 3, "duplicate_field")


@case("18 customers of an unanswered batch")
def unanswered(scene):
    """Ten of them are refused when they are sent again: the settling time counts once, and other batches are sent."""
    served = scene.serve("--fault", "status=503,applied=no,on=customers,at=2")
    emails = [record(Kind.CUSTOMERS, number)["email"] for number in range(10)]
    taken = [record(Kind.CUSTOMERS, 1000 + number, email=email) for number, email in enumerate(emails)]
    scene.export("customers", taken, "taken.ndjson")
    expect(scene.migrate(served, "--customers", "taken.ndjson", state="another"), 0)
    done = scene.migrate(
        served, "--customers", scene.customers(300), "--log-format", "json", MASIVO_EVENTS_SETTLE="3",
        MASIVO_MAX_BODY_BYTES="4000", MASIVO_UPLOADERS="1",
    )  # fmt: skip
    expect(done, 3)
    assert summary(done)["kinds"]["customers"]["reasons"] == {"refused": 10}
    assert done.words.count('"read_back_awaited"') == 1, done.words
    assert {f"c{number}" for number in range(10, 300)} <= served.ledger()["customers"].keys()
    assert not {f"c{number}" for number in range(10)} & served.ledger()["customers"].keys()


def play(name):
    """Play one case in a directory of its own; return its seconds and what is wrong, nothing if all is well."""
    began = time.monotonic()
    finding = _play(dict(CASES)[name])
    return time.monotonic() - began, finding


def _play(act):
    directory = Path(tempfile.mkdtemp(prefix="between-runs-"))
    try:
        with ExitStack() as stack:
            act(Scene(directory, stack))
    except Exception as error:  # noqa: BLE001 - the next case is still played
        return f"{type(error).__name__}: {str(error)[:_SHOWN]}\n(evidence: {directory})\n"
    shutil.rmtree(directory)
    return ""


def main():
    """Play the cases; return 0 if all of them end well."""
    parser = argparse.ArgumentParser(description="Play the cases of the promise between runs.")
    parser.add_argument("--only", default="", help="the cases whose name begins with this")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many are played at once")
    arguments = parser.parse_args()
    chosen = [name for name, _ in CASES if name.startswith(arguments.only)]
    wrong = 0
    with ProcessPoolExecutor(arguments.jobs, get_context("fork")) as pool:  # each process forks commands of its own
        for name, (seconds, finding) in zip(chosen, pool.map(play, chosen), strict=True):
            wrong += bool(finding)
            sys.stdout.write(f"{'WRONG' if finding else 'right'} {seconds:5.1f} s  {name}\n{finding}")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - wrong} passed, {wrong} failed\n")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
