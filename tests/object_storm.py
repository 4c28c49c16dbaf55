"""The storm with its exports in object storage: moto's S3 server behind a proxy that refuses, cuts and delays answers.

    python tests/object_storm.py --kills 60 --seed 1

Between two starts, and while a process reads, the server is killed and started again, and objects are replaced,
removed, moved, compressed, or downloaded. A replaced object must end the run with exit code 5; until it is there again
as it was, nothing is read back or sent. Then the same command continues. The laws are those of the storm.
"""

import gzip
import sys
from itertools import cycle
from pathlib import Path
from typing import ClassVar

from end_to_end_tools import KINDS
from faulty_storage import AtRead, faulty_storage
from storm import ENDED, RECORDS_PER_BATCH, STOPPED, Storm, read_options, run_and_report

PADDING = 180_000
"""Blanks for a batch, after its records. They make an export longer than two reads: it is read until the run ends."""

SECONDS = 6.0
"""For a process to come to the read at which something happens."""


class ObjectStorm(Storm):
    """One storm whose exports are objects; at times one is a file."""

    moves = (
        "another key", "another directory", "a copy", "replaced", "replaced while read", "removed",
        "removed while read", "restarted while read", "outage", "move", "pack", "download",
    )  # fmt: skip
    move_share = 0.6
    more_flags: ClassVar = {"publish": "s3://results/storm"}

    def __init__(self, directory, *, padding=PADDING, moves=None, **options):
        """See `Storm`; if `moves` are given, one of them comes after each kill, in this order."""
        super().__init__(directory, **options)
        if moves is not None:
            self.move_share = 1.0
        self._in_turn = None if moves is None else cycle(moves)
        self._padding, self._moved, self._not_noted = padding, 0, set()
        """The last are the kinds whose export was moved since a process has noted its place."""
        self.body_bytes = tuple(padding + most for most in self.body_bytes)

    def run(self):
        """Run the storm; return the report."""
        with faulty_storage(self.directory, self.report.seed) as self._storage:
            super().run()
            self.report.storage = self._storage.seen
        return self.report

    def _generate(self):
        """Generate exports, as the storm does, and put them into a bucket."""
        super()._generate()
        for name in ("exports", "others", "results"):
            self._storage.make_bucket(name)
        for kind in KINDS:
            file, blanks = self.directory / f"{kind}.ndjson", b" " * (self._padding // RECORDS_PER_BATCH[kind])
            file.write_bytes(b"".join(line + blanks + b"\n" for line in file.read_bytes().splitlines()))
            self.exports[kind].unlink()
            self.exports[kind] = f"s3://exports/{kind}.ndjson"
            self._storage.put(_key(self.exports[kind]), file.read_bytes())

    def _start(self, limit, **options):
        return super()._start(limit, **{**self._storage.environment, **options})

    def _named(self, kind):
        """Name an export, sometimes by a pattern that matches nothing else."""
        name = self.exports[kind]
        if isinstance(name, Path) or self.chance.random() < 0.5:
            return name
        return name.replace(f"{kind}.", f"{kind[0]}*.") if self.chance.random() < 0.5 else f"{name[:-3]}*{name[-2:]}"

    # What happens between two processes.

    def _choose_move(self):
        return next(self._in_turn) if self._in_turn else super()._choose_move()

    def _a_copy(self):
        kind = self.chance.choice(KINDS)
        plain = (self.directory / f"{kind}.ndjson").read_bytes()
        self._storage.put("others/copy", gzip.compress(plain) if self.chance.random() < 0.5 else plain)
        self._refused("a copy", also={kind: ("s3://others/copy",)})
        self._storage.remove("others/copy")

    def _read_before(self):
        """Return the key of an object of which records were sent: any other may still be replaced.

        So may one that was moved since: at another place, it may be the export with what was missing at its end.
        """
        ledger = self._served.get("/__sandbox/ledger")
        named = [kind for kind in KINDS if isinstance(self.exports[kind], str)]
        kinds = [kind for kind in named if ledger[kind] and kind not in self._not_noted]
        return _key(self.exports[self.chance.choice(kinds)]) if kinds else None

    def _another_content(self, key):
        """Return what an object is replaced by: as long as it was, longer or shorter."""
        whole = self._storage.get(key)
        plain = gzip.decompress(whole) if key.endswith(".gz") else whole
        lines = plain.splitlines(keepends=True)
        other = self.chance.choice((lines[::-1], [*lines, lines[0]], lines[: len(lines) // 2]))
        return gzip.compress(b"".join(other)) if key.endswith(".gz") else b"".join(other)

    def _replaced(self):
        if (key := self._read_before()) is not None:
            whole = self._storage.get(key)
            self._storage.put(key, self._another_content(key))
            self._refused("replaced", expected=5)
            self._storage.put(key, whole)

    def _removed(self):
        if (key := self._read_before()) is not None:
            whole = self._storage.get(key)
            self._storage.remove(key)
            self._refused("removed", expected=5)
            self._storage.put(key, whole)

    def _outage(self):
        """Storage does not answer while a process begins."""
        self._storage.down = True
        self._refused("outage", expected=6, MASIVO_OUTAGE_LIMIT="0.5")
        self._storage.down = False

    def _replaced_while_read(self):
        if (key := self._read_before()) is not None:
            other = self._another_content(key)
            self._while_read("replaced", key, lambda: self._storage.put(key, other))

    def _removed_while_read(self):
        if (key := self._read_before()) is not None:
            self._while_read("removed", key, lambda: self._storage.remove(key))

    def _while_read(self, move, key, action):
        """Change an object at one of the next reads of it: this process stops, and so does the next one."""
        whole = self._storage.get(key)
        planned = self._process_until(AtRead(key, self.chance.randrange(4), action), also_ends_with=5)
        if planned.happened:
            self.report.moves[f"{move} in time"] += 1
            self._refused(f"{move} while read", expected=5)
            self._storage.put(key, whole)

    def _restarted_while_read(self):
        kinds = [kind for kind in KINDS if isinstance(self.exports[kind], str)]
        key = _key(self.exports[self.chance.choice(kinds)]) if kinds else ""
        self._process_until(AtRead(key, self.chance.randrange(4), self._storage.restart))
        self._storage.wait_until_up()

    def _process_until(self, planned, *, also_ends_with=None):
        """Start a process, and kill it after a while, unless it must end by itself."""
        self._storage.at_read = planned
        running = self._start("none")
        if not running.wait(SECONDS) and not (planned.happened and also_ends_with):
            running.end("KILL", 0)
        code, summary, _ = running.close()
        self._storage.at_read = None
        self.report.exits[code] += 1
        allowed = (
            {*ENDED, *STOPPED, -9} if also_ends_with is None or not planned.happened else {also_ends_with, *STOPPED}
        )
        if code not in allowed or (summary and not summary["closes"]):
            self._found("exit code", f"{planned} ended with {code}: {running.told}")
        return planned

    def _move(self):
        """Move exports to other keys, and the state directory, too.

        An export of which nothing was read yet is known only by its name, and keeps it.
        """
        self._moved += 1
        ledger = self._served.get("/__sandbox/ledger")
        for kind, export in self.exports.items():
            if isinstance(export, Path):
                continue
            name = Path(export).name
            new = f"s3://{self.chance.choice(('exports', 'others'))}/{self._moved}/{name}"
            if ledger[kind]:
                new = new.replace(f"/{kind}", f"/{kind}-{self._moved}-")
            self._put_elsewhere(kind, new, self._storage.get(_key(export)))
        self.state = self.state.rename(self.directory / f"state-{self._moved}")

    def _pack(self):
        """Compress or decompress an export."""
        kind = self.chance.choice(KINDS)
        if isinstance(export := self.exports[kind], Path):
            return
        plain = (self.directory / f"{kind}.ndjson").read_bytes()
        packed = not export.endswith(".gz")
        new = f"{export}.gz" if packed else export.removesuffix(".gz")
        self._put_elsewhere(kind, new, gzip.compress(plain, 1) if packed else plain)

    def _download(self):
        """Bring an export from object storage to the disk, or back."""
        kind = self.chance.choice(KINDS)
        export = self.exports[kind]
        self._not_noted.add(kind)
        if isinstance(export, Path):
            self._storage.put(f"exports/{export.name}", export.read_bytes())
            self.exports[kind] = f"s3://exports/{export.name}"
            export.unlink()
            return
        place = self.directory / "exports" / Path(export).name
        place.write_bytes(self._storage.get(_key(export)))
        self._storage.remove(_key(export))
        self.exports[kind] = place

    def _put_elsewhere(self, kind, new, body):
        self._storage.remove(_key(self.exports[kind]))
        self._storage.put(_key(new), body)
        self.exports[kind] = new
        self._not_noted.add(kind)

    def _close(self, running, *, sent):
        """See `Storm`. A process that began with a kind has noted where the exports are."""
        if running.where != "start":
            self._not_noted.clear()
        return super()._close(running, sent=sent)

    # The end.

    def _check(self, served, code, summary):
        super()._check(served, code, summary)
        for file in self.state.glob("dead-letter.*.ndjson"):
            if self._storage.get(f"results/storm/{file.name}") != file.read_bytes():
                self._found("not published", file.name)


def _key(url):
    return url.removeprefix("s3://")


def main():
    """Run a storm with the options of the command line; return 0 if all laws were kept."""
    parser = read_options()
    parser.add_argument("--padding", type=int, default=PADDING, help="blanks for a batch, after its records")
    given = parser.parse_args()
    options = {"kills": given.kills, "seed": given.seed, "padding": given.padding}
    return run_and_report(lambda directory: ObjectStorm(directory, **options), given.keep)


if __name__ == "__main__":
    sys.exit(main())
