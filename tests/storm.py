"""The storm: kill a migration again and again, under faults, start it again, and check what arrived against the laws.

    python tests/storm.py --kills 200 --seed 1

Between two starts, an export or the state directory may be moved, compressed, or cut and restored. Sometimes a person
makes a mistake and starts the same command with another key, another state directory, or a copy of an export: this must
be refused, without reading back or sending anything.

The storm uses the program only from outside: an installed command, files, a sandbox over HTTP, and signals. The seed
draws exports, faults and the end of each process; the timing of the machine makes every storm different.
"""

import argparse
import gzip
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import forks
from end_to_end_tools import COMMAND, KINDS, clean_environment, run, serving
from storm_laws import Evidence, Finding, dead_letters_of_good_records, find_broken_laws
from storm_report import WAYS, Report, count_deaths, render

from masivo_stream.model.contract import SANDBOX_API_KEY

RECORDS_PER_BATCH = {"customers": 9, "events": 4, "transactions": 8}
"""About this number fits the bodies that are drawn below."""
BATCHES_PER_KILL = 11
"""A process sends about this number before it is ended."""

START_SHARE, WAIT_SHARE = 0.1, 0.05
"""Besides those for the kinds, this number comes before the first kind has begun, and in the wait after a kind."""

AT_ONCE = 0.25
"""This number is ended right after the beginning: between the first lines read and the first commit."""

STOPPED = {6, 7}
"""Exit codes of a run that faults have stopped: the same command continues."""
ENDED = {0, 3, 4}
ANOTHER_KEY = "11111111-2222-4333-8444-555555555555"
CUT_SECONDS = 3.0
"""Seconds for which a process works on an export that was cut."""

MOST_ROUNDS = 80
"""Starts after the last kill; a run that has not ended by then will never end."""
PATIENCE = 200.0
"""Seconds for a process that was asked to stop, or that ends by itself. The machine may be busy with other things."""

ALWAYS = (
    "late-duplicate,on=transactions",  # the server does not check for duplicates for a moment
    "delay=0.02,jitter=0.08,where=answer,rate=0.5",  # makes the time between effect and answer longer
)
SOMETIMES = (
    "reset,when=after,rate=0.04",
    "reset,when=before,rate=0.03",
    "reset,when=mid,rate=0.03",
    "reset,when=status,rate=0.03",
    "status=503,applied=yes,rate=0.03",
    "status=503,applied=no,retry_after=1,rate=0.02",
    "status=500,applied=yes,rate=0.02",
    "status=502,applied=no,rate=0.02",
    "status=408,applied=no,rate=0.02",
    "status=425,rate=0.02",
    "throttle,retry_after=0,rate=0.04",
    "throttle,retry_after=1,rate=0.02",
    "reset,when=after,on=events,times=6",
    "status=503,applied=yes,on=transactions,times=6",
    "hang=5,applied=yes,rate=0.01",
    "hang=5,applied=no,rate=0.01",
    "garbage,applied=yes,rate=0.02",
    "html,applied=yes,rate=0.01",
    "empty,rate=0.03",
    "drip=0.3,rate=0.03",
    "delay=0.3,jitter=0.3,rate=0.03",
    "late=0.6,on=events,rate=0.1",
    "late=0.6,on=transactions,rate=0.1",
    "late=0.4,on=customers,rate=0.02",
    "vague,rate=0.5",
    "status=422,on=events,rate=0.02",
    "status=422,on=transactions,rate=0.02",
    "status=413,rate=1,times=2",
    "status=401,rate=0.02",
    "redirect=303,to=http://127.0.0.1:9,applied=yes,rate=0.004",
    "status=503,on=auth,rate=0.1",
    "reset,on=auth,rate=0.1",
    "badtoken,rate=0.02",
    "status=500,on=read,rate=0.1",
    "reset,on=read,rate=0.1",
)
"""A seed draws most of these. None breaks what the guarantee assumes: a 422 (400, 409, 413, 429) applies nothing."""


class RunningProcess:
    """One process, and how far it is by its own log."""

    def __init__(self, command, block_bytes, **environment):
        settings = {"MASIVO_BLOCK_BYTES": str(block_bytes), **_HASTE, **environment}
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        """Not a pipe: a summary may be longer than a pipe holds, and is read only when the process has ended."""
        self.process, self._err = self._launch(command, clean_environment(**settings))
        self.where = "start"
        self.began = threading.Event()
        self.told = []
        """The last lines on standard error."""
        self._reader = threading.Thread(target=self._follow)
        self._reader.start()

    def _launch(self, command, environment):
        """Start the command; return it, and its standard error."""
        process = subprocess.Popen(command, stdout=self._out, stderr=subprocess.PIPE, env=environment)
        return process, process.stderr

    def _follow(self):
        for line in self._err:
            self.told = [*self.told[-30:], line.decode(errors="replace")]
            with suppress(ValueError, KeyError, TypeError):
                self._note(json.loads(line))
        self.began.set()

    def _note(self, said):
        match said["event"]:
            case "phase_started":
                self.where = said["kind"]
                self.began.set()
            case "phase_ended":
                self.where = f"after {said['kind']}"

    @property
    def alive(self):
        return self.process.poll() is None

    def wait(self, seconds):
        """Wait for some seconds, or until the process has ended; return whether it has."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, seconds))
        return not self.alive

    def end(self, way, pause):
        """End the process; return how far it was."""
        where = self.where
        for number, name in enumerate(way.split()):
            if number:
                self.wait(pause)
            self.process.send_signal(signal.Signals[f"SIG{name}"])
        return where

    def close(self):
        """Wait for its end, and kill it if need be; return exit code, summary, and whether it was killed."""
        forced = not self.wait(PATIENCE)
        if forced:
            self.process.kill()
        self._reader.join()
        self._err.close()
        self.process.wait()
        with self._out:
            self._out.seek(0)
            out = self._out.read()
        try:
            summary = json.loads(out)
        except ValueError:
            summary = None
        return self.process.wait(), summary, forced


class ForkedProcess(RunningProcess):
    """The same, without a start of Python: for storms that must be short."""

    def _launch(self, command, environment):
        reads, writes = os.pipe2(os.O_CLOEXEC)
        with open(os.devnull, "rb") as nothing, open(writes, "wb") as told:  # noqa: PTH123 - no path is needed
            streams = nothing.fileno(), self._out.fileno(), told.fileno()
            process = forks.start(command, environment=environment, streams=streams)
        return process, open(reads, "rb")  # noqa: PTH123 - it has no path; closed by `close`


_HASTE = {
    "MASIVO_FIRST_PROBE": "0.05",
    "MASIVO_LONGEST_PROBE": "0.5",
    "MASIVO_FIRST_DELAY": "0.02",
    "MASIVO_LONGEST_DELAY": "0.2",
    "MASIVO_OPEN_BATCHES": "4",
}
"""Settings without a flag, whose defaults would make a storm long."""


class Storm:
    """One storm over one state directory."""

    moves = ("another key", "another directory", "a copy", "cut", "move", "pack")
    """What may happen between two processes; each has a method of its name."""
    move_share = 0.25
    """The share of ended processes after which one of them happens."""
    body_bytes = 4000, 9000
    """The least and the most that a body may have."""
    launch = RunningProcess
    more_flags: ClassVar = {}
    """Flags of every process."""

    def __init__(
        self, directory, *, kills, seed, client="masivo-stream", faults=None, batches_per_kill=BATCHES_PER_KILL
    ):
        self.directory, self.state = Path(directory), Path(directory) / "state"
        self.exports = {kind: self.directory / "exports" / f"{kind}.ndjson" for kind in KINDS}
        """Where the exports are now; `directory` keeps the originals."""
        self.kills, self.chance, self._batches_per_kill = kills, random.Random(seed), batches_per_kill
        drawn = self.chance.sample(SOMETIMES, 26) if faults is None else []
        self.report = Report(seed=seed, client=client, faults=[*ALWAYS, *drawn, *(faults or ())])
        self._quota = {kind: math.ceil(kills / len(KINDS)) for kind in KINDS}
        self._quota["start"] = math.ceil(kills * START_SHARE)
        self._quota |= {f"after {kind}": math.ceil(kills * WAIT_SHARE) for kind in KINDS}

    def run(self):
        """Run the storm; return the report."""
        began = time.monotonic()
        self._generate()
        with serving(self.directory, *self._sandbox(), visible_after=0.3) as served:
            self._served, self._url = served, served.url
            code, summary = self._kill_repeatedly()
            if code not in ENDED:
                code, summary = self._finish()
            self._check(served, code, summary)
        self.report.seconds = time.monotonic() - began
        return self.report

    def _generate(self):
        batches = 10 + self._batches_per_kill * self._quota["events"]
        for kind in KINDS:
            done = run(
                "generate", kind, "--records", batches * RECORDS_PER_BATCH[kind], "--seed", self.report.seed,
                "--invalid", 0.03, "--skipped", 0.03, "-o", self.directory / f"{kind}.ndjson",
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            self.exports[kind].parent.mkdir(exist_ok=True)
            shutil.copy(self.directory / f"{kind}.ndjson", self.exports[kind])

    def _sandbox(self):
        faults = [part for fault in self.report.faults for part in ("--fault", fault)]
        store = self.directory / "account.db"
        return ["--limits", "none", "--store", store, "--token-lifetime", 2, "--seed", self.report.seed, *faults]

    def _named(self, kind):
        """Return how an export is named."""
        return self.exports[kind]

    def _start(self, limit, *, state=None, key=SANDBOX_API_KEY, also=None, **environment):
        """Start a process. Options that may change between two starts do; `also` adds an input to each kind."""
        draw = self.chance
        command = [COMMAND, "migrate"] if self.report.client == "masivo-stream" else [sys.executable, _NAIVE]
        more = also or {}
        exports = [part for kind in KINDS for part in (f"--{kind}", self._named(kind), *more.get(kind, ()))]
        flags = {
            "base-url": self._url, "state-dir": state or self.state, "limit": limit, "uploaders": draw.randint(1, 4),
            "max-body-bytes": draw.randint(*self.body_bytes), "request-timeout": 1.5,
            "drain-time": draw.choice((0.2, 2)),
            "visible-timeout": 20, "events-settle": 1.5, "log-format": "json", **self.more_flags,
        }  # fmt: skip
        named = [part for name, value in flags.items() for part in (f"--{name}", value)]
        own = {"MASIVO_API_KEY": key, "MASIVO_SHARED_DIR": str(self.directory / "shared"), **environment}
        return self.launch(
            list(map(str, [*command, *exports, *named, "--json"])), draw.choice((4096, 16384, 65536)), **own
        )

    # The kills.

    def _kill_repeatedly(self):
        """Start and end processes until there were enough kills, or one has finished the migration."""
        code, summary = None, None
        while not all(map(self._full, KINDS)) and code not in ENDED:
            way, first = self._way(), self.chance.random()
            running = self._start(self.chance.choice(("none", "1/0.04s")))
            moment = self.chance.uniform(0, 0.04 if self.chance.random() < AT_ONCE else 0.5)
            pause = self.chance.uniform(0, 0.05)
            if way == "left":
                running.wait(1.5)
                way = "KILL"
            where = (
                running.end(way, pause) if self._wait_for_moment(running, moment, early=first < START_SHARE) else None
            )
            code, summary = self._close(running, sent=way if where else "")
            if where and code not in (*ENDED, *STOPPED):
                self.report.kills[where, way] += 1
            if self.report.client == "masivo-stream" and self.chance.random() < self.move_share and self._arrived():
                move = self._choose_move()
                self.report.moves[move] += 1
                getattr(self, f"_{move.replace(' ', '_')}")()
        return code, summary

    # What happens between two processes.

    def _choose_move(self):
        return self.chance.choice(self.moves)

    def _arrived(self):
        """Return whether the account has received part of the first export: before that, no run is refused."""
        return bool(self._served.get("/__sandbox/ledger")["customers"])

    def _another_key(self):
        self._refused("another key", key=ANOTHER_KEY)

    def _another_directory(self):
        self._refused("another directory", state=self.directory / "another")

    def _a_copy(self):
        kind = self.chance.choice(KINDS)
        copy, plain = self.directory / f"copy.{kind}", (self.directory / f"{kind}.ndjson").read_bytes()
        copy.write_bytes(gzip.compress(plain) if self.chance.random() < 0.5 else plain)
        self._refused("a copy", also={kind: (copy,)})
        copy.unlink()

    def _refused(self, move, *, expected=2, **start):
        """Make a mistake: it must be refused, with the expected code, before anything is read back or sent.

        A token may be requested if nothing else shows which account the key belongs to.
        """
        before = self._settled_requests()
        code, _, forced = (running := self._start("none", **start)).close()
        if code != expected or forced:
            self._found("not refused", f"{move}: exit {code}, {running.told}")
        if (after := self._requests()) != before:
            self._found("not refused", f"{move}: requests were made: {before} {after}")

    def _settled_requests(self):
        """Return the same after the requests in flight of the process before have been counted."""
        found, still = self._requests(), 0
        while still < 5:
            time.sleep(0.1)
            last, found = found, self._requests()
            still = still + 1 if found == last else 0
        return found

    def _requests(self):
        """Return the number of requests by target and outcome, without those for tokens."""
        found = self._served.get("/__sandbox/ledger")["requests"]
        return {target: found[target] for target in found if target != "auth"}

    def _cut(self):
        """Cut an export, start a process with it, and restore the export."""
        export = self.exports[self.chance.choice(KINDS)]
        whole = export.read_bytes()
        os.truncate(export, self.chance.randrange(len(whole)))
        running = self._start("none")
        if not running.wait(CUT_SECONDS):
            running.end("KILL", 0)
        code, summary, _ = running.close()
        self.report.exits[code] += 1
        if code not in (5, -9, *ENDED, *STOPPED) or (summary and not summary["closes"]):
            self._found("cut", f"exit {code}, {running.told}")
        export.write_bytes(whole)

    def _move(self):
        """Move exports and state directory to other places, under other names.

        An export of which nothing was read yet is known only by its name, and keeps it.
        """
        number, ledger = self.report.moves.total(), self._served.get("/__sandbox/ledger")
        place = self.directory / f"exports-{number}"
        place.mkdir()
        for kind, export in self.exports.items():
            name = f"{number}-{export.name.rpartition('-')[2]}" if ledger[kind] else export.name
            self.exports[kind] = export.rename(place / name)
        self.state = self.state.rename(self.directory / f"state-{number}")

    def _pack(self):
        """Compress or decompress an export."""
        kind = self.chance.choice(KINDS)
        export, plain = self.exports[kind], (self.directory / f"{kind}.ndjson").read_bytes()
        packed = export.suffix != ".gz"
        self.exports[kind] = export.with_name(f"{export.name}.gz") if packed else export.with_suffix("")
        self.exports[kind].write_bytes(gzip.compress(plain) if packed else plain)
        export.unlink()

    def _way(self):
        return self.chance.choices(list(WAYS), WAYS.values())[0]

    def _wait_for_moment(self, running, moment, *, early):
        """Wait for the moment to end a process, at a place with few kills so far; return False if it ended before."""
        if early and not self._full("start"):
            return not running.wait(moment)
        running.began.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while not running.wait(moment) and time.monotonic() < deadline:
            if not self._full(running.where):
                return True
            moment = 0.02
        return False

    def _full(self, where):
        return sum(n for (place, _), n in self.report.kills.items() if place == where) >= self._quota[where]

    # The end.

    def _finish(self):
        """Start without killing until the migration has ended; the faults go on."""
        code, summary = None, None
        for _ in range(MOST_ROUNDS):
            code, summary = self._close(self._start("1/0.01s"), sent="")
            if code in ENDED:
                return code, summary
        self._found("no end", f"{MOST_ROUNDS} starts without a kill, the last one ended with {code}")
        return code, summary

    def _close(self, running, *, sent):
        code, summary, forced = running.close()
        self.report.exits[code] += 1
        expected = {"": (), "KILL": (-9,), "TERM": (143, -15)}.get(sent, (130, -2))
        if forced:
            self._found("no end", f"a process went on for {PATIENCE} s after {sent or 'its start'}: {running.told}")
        elif sent.startswith("INT") and any("Fatal Python error: init_" in line for line in running.told):
            pass  # the interpreter had not started yet: none of our code has run
        elif code not in (*expected, *ENDED, *STOPPED):
            self._found("exit code", f"{code} after {sent or 'no signal'}: {running.told}")
        wrong = summary and (not summary["closes"] or code not in (summary["exit_code"], -2, -9, -15))
        if wrong:  # a signal may come after the summary
            self._found("figures", f"exit {code}, and a summary that says {summary}")
        if summary is None and code in (*ENDED, *STOPPED) and self.report.client == "masivo-stream":
            self._found("exit code", f"{code} without a summary: {running.told}")
        return code, summary

    def _found(self, law, what):
        self.report.findings.append(Finding(law, "", "process", what))

    def _check(self, served, code, summary):
        report, ledger = self.report, served.ledger()
        if report.client == "masivo-stream":
            self._start_again(served, code, summary, ledger["requests"])
        evidence = Evidence(self.directory, self.state, ledger, summary, code)
        report.findings += find_broken_laws(evidence)
        report.requests = {target: sum(outcomes.values()) for target, outcomes in ledger["requests"].items()}
        report.innocent = dead_letters_of_good_records(evidence)
        report.figures = summary["kinds"] if summary else {}
        if (self.state / "journal.db").exists():
            report.doubts = count_deaths(self.state / "journal.db")

    def _start_again(self, served, code, summary, requests):
        """A finished migration sends nothing when it is started again, and reports the same; so does `status`."""
        again, repeated = self._close(self._start("1/0.01s"), sent="")
        if again != code or served.ledger()["requests"] != requests:
            self._found("not at rest", f"started again after its end, exit {again}, {served.ledger()['requests']}")
        status = run("status", "--state-dir", self.state, "--json")
        for told in (repeated, json.loads(status.stdout or b"null")):
            if told is None or _lasting_figures(told) != _lasting_figures(summary):
                self._found("not at rest", f"told {told} after {summary}")


def _lasting_figures(summary):
    """Return the figures that do not change if nothing is sent."""
    kinds = {
        kind: {name: value for name, value in figures.items() if name != "seconds"}
        for kind, figures in (summary or {"kinds": {}})["kinds"].items()
    }
    return summary and (summary["outcome"], summary["exit_code"], kinds)


def main():
    """Run a storm with the options of the command line; return 0 if all laws were kept."""
    parser = read_options()
    parser.add_argument("--client", choices=("masivo-stream", "naive"), default="masivo-stream")
    parser.add_argument("--fault", action="append", help="in place of the faults drawn by the seed, repeatable")
    given = parser.parse_args()
    options = {"kills": given.kills, "seed": given.seed, "client": given.client, "faults": given.fault}
    return run_and_report(lambda directory: Storm(directory, **options), given.keep)


def read_options():
    """Return what reads the options that all storms have."""
    parser = argparse.ArgumentParser(description="End a migration again and again, and hold it against the laws.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="a new directory for exports, state and account; else kept only after findings")
    return parser


def run_and_report(make, keep):
    """Run the storm that `make` returns for a directory, and print its report; return 0 if all laws were kept."""
    directory = Path(keep or tempfile.mkdtemp(prefix="storm-"))
    directory.mkdir(exist_ok=True)
    report = make(directory).run()
    sys.stdout.write(render(report) + "\n")
    if report.findings:
        sys.stdout.write(f"evidence: {directory}\n")
    elif not keep:
        shutil.rmtree(directory)
    return 1 if report.findings else 0


_NAIVE = Path(__file__).with_name("naive_client.py")

if __name__ == "__main__":
    sys.exit(main())
