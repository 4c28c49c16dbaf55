"""A model on paper: what terabytes and many accounts take, and what binds. Prints the tables of docs/scale.md.

    python bench/scale_model.py

What an export looks like is measured here: 20,000 generated customers, with what belongs to them. The API's limits come
from the contract. What the program takes was measured by other programs of this directory (two shared cores, Linux,
Python 3.11.7); the comment at each figure names it. Everything else is arithmetic.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from masivo_stream.core.packing.pack import lower_bound
from masivo_stream.generate.good_records import records
from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.window import parse_window

CUSTOMERS = 20_000

VALIDATE = 35e6
"""Bytes a second that one core validates and checks (bench/parts.py)."""
TAKE_UP = 140e6
"""Bytes a second at which one process takes up the answers of parts (bench/parts.py)."""
NOTES_ALONE = 0.05
"""What `migrate --parts` reads of them, as a share of the export (bench/parts.py)."""
ANSWERS = 0.065
"""Bytes of answers for each byte of the export (bench/parts.py)."""
NOTES = 0.2
"""Bytes of notes on disk while the checks look at them, for each byte of the export (bench/parts.py)."""
NOTES_AT_ONCE = 1024
"""The notes are divided by at most this number, and one share is in memory at a time (`flow.checks.whole_export`)."""
BATCH_CPU = 0.032
"""CPU seconds that a full batch takes in a fleet (bench/fleet.py)."""
ACCOUNT_MEMORY = 16e6
"""Bytes of memory that each account of a fleet takes (bench/fleet.py)."""
FLEET = 100
"""Accounts of one fleet."""

DAY = 86_400.0
SIZES = (10e9, 100e9, 1e12, 10e12)
FLEETS = (1, 20, 100, 500)
TOTAL = 10e12
CORES = 64


class Mix(NamedTuple):
    """What an export of the three kinds looks like."""

    size: float
    requests: int

    @property
    def bytes_a_request(self) -> float:
        """The size of an average request."""
        return self.size / self.requests


def measure_mix() -> Mix:
    """Generate records of each kind; return their bytes, and the requests that they take."""
    size = requests = 0
    for kind in Kind:
        lines = list(records(kind, count=CUSTOMERS, seed=1))
        items = sum(_items(kind, line) for line in lines)
        size += sum(len(line) + 1 for line in lines)
        requests += lower_bound(CONTRACTS[kind], records=len(lines), items=items)
    return Mix(size, requests)


def _items(kind: Kind, line: bytes) -> int:
    marks = {Kind.CUSTOMERS: b"", Kind.EVENTS: b'"purchase_id"', Kind.TRANSACTIONS: b'"reward_id"'}
    return line.count(marks[kind]) if marks[kind] else 1


def seconds_a_request() -> float:
    """Return the seconds between two requests of an account, over a long time: of its windows, the tightest binds."""
    windows = [parse_window(text) for text in contract.MIGRATION_WINDOWS_PROD]
    return max(window.seconds / window.limit for window in windows)


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown, numbers to the right."""
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---:" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def of_one_account(mix: Mix) -> Iterator[Sequence[str]]:
    """Yield the rows of exports that go to one account."""
    for size in SIZES:
        requests = size / mix.bytes_a_request
        yield (
            in_bytes(size),
            f"{requests:,.0f}",
            in_time(requests * seconds_a_request()),
            in_time(size / VALIDATE),
            in_time(size / VALIDATE / CORES),
            in_time(size / TAKE_UP),
            in_time(size * NOTES_ALONE / TAKE_UP),
            in_bytes(size * ANSWERS),
            in_bytes(size * NOTES),
            in_bytes(size * NOTES / NOTES_AT_ONCE),
        )


def of_many_accounts(mix: Mix) -> Iterator[Sequence[str]]:
    """Yield the rows of ten terabytes that go to many accounts."""
    each_second = 1 / seconds_a_request()
    for accounts in FLEETS:
        processes = -(-accounts // FLEET)
        of_process = accounts / processes
        yield (
            f"{accounts}",
            in_bytes(TOTAL / accounts),
            in_time(TOTAL / accounts / mix.bytes_a_request / each_second),
            f"{processes}",
            f"{of_process * each_second * BATCH_CPU:.0%}",
            in_bytes(of_process * ACCOUNT_MEMORY),
            f"{of_process * each_second * mix.bytes_a_request / 1e6:.1f} MB/s",
            in_time(TOTAL / processes / VALIDATE),
        )


def in_bytes(size: float) -> str:
    """Return a size in the unit that suits it."""
    units = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"))
    unit, name = next(((unit, name) for unit, name in units if size >= unit), units[-1])
    return f"{size / unit:.3g} {name}"


def in_time(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    units = ((365 * DAY, "years"), (DAY, "days"), (3600, "h"), (60, "min"))
    unit, name = next(((unit, name) for unit, name in units if seconds >= 2 * unit), (1, "s"))
    return f"{seconds / unit:,.3g} {name}"


OF_ONE_ACCOUNT = (
    "export",
    "requests",
    "to send",
    "validate, 1 core",
    f"{CORES} cores",
    "take up: `plan`",
    "`migrate`",
    "answers",
    "notes on disk",
    "in memory",
)
OF_MANY_ACCOUNTS = (
    "accounts",
    "export of each",
    "to send",
    "processes",
    "CPU of each",
    "memory of each",
    "each sends",
    "validate, 1 core of each",
)


def main() -> None:
    """Print the tables."""
    mix = measure_mix()
    print(f"an average request: {mix.bytes_a_request / 1e3:.0f} kB, one in {seconds_a_request():g} s\n")
    print("\n".join(table(OF_ONE_ACCOUNT, of_one_account(mix))), end="\n\n")
    print("\n".join(table(OF_MANY_ACCOUNTS, of_many_accounts(mix))))


if __name__ == "__main__":
    main()
