"""Measure the cost of a byte of an events export, stage by stage, and compare it with a script with pydantic.

    python bench/hot_path.py [--records 20000] [--rounds 7]

Data: `masivo-stream generate events --records N --seed 1`, kept in --cache. First each stage runs alone, in this
process, on the output of the stage before it: the stages in turn, CPU time, the fastest of all rounds. Then three
processes run in turn, including their starts: a loop of msgspec's typed decoder over the lines, the script with
pydantic, and ours.
"""

import argparse
import hashlib
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import contenders
import measure

from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import KnownIds, remember_values
from masivo_stream.core.reading.lines import LineSplitter, lines_of
from masivo_stream.core.reading.purchases import Purchases, Signs
from masivo_stream.core.reading.schema_faults import may_be_lenient
from masivo_stream.core.reading.strict import Rules
from masivo_stream.edges.journal.write import send_statements
from masivo_stream.flow.pipeline.read_exports import MOST_LINES
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import Entries, LineResults
from masivo_stream.model.schemas import EventsRecord, Order, make_reader
from masivo_stream.model.settings import Settings

BARE = """
import sys
from masivo_stream.model.schemas import EventsRecord, Order, make_reader
decode = make_reader(EventsRecord[Order])
for line in open(sys.argv[1], "rb"):
    decode(line)
"""
SETTINGS = Settings()
CONTRACT = CONTRACTS[Kind.EVENTS]


class Signed:
    """An `EventMemory` that keeps what it is given, for a memory that remembers it later."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.given: list[tuple[list[LineResults], Signs]] = []

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        """Keep it."""
        self.given.append((results, signs))
        return results

    def remember_purchases(self, *, pure_python: bool) -> None:
        """Remember all events in a new memory."""
        memory = Purchases(capacity=SETTINGS.validation.remember_ids, pure_python=pure_python)
        for results, signs in self.given:
            memory.mark(results, signs)

    def remember_ids(self, *, pure_python: bool) -> None:
        """Remember all customers in a new memory."""
        memory = remember_values(capacity=SETTINGS.validation.remember_ids, pure_python=pure_python)
        for results, _ in self.given:
            memory.seen_all(Entries(results).customers)


def stages(export: Path) -> dict[str, Callable[[], object]]:
    """Return the work of each stage."""
    text, size = export.read_bytes(), SETTINGS.source.block_bytes
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    most = SETTINGS.validation.max_line_bytes
    decoder = Decoder(Rules(kind=Kind.EVENTS, max_line_bytes=most), KnownIds(capacity=SETTINGS.validation.remember_ids))

    def split() -> list[list]:
        lines = LineSplitter(max_line_bytes=most)
        return [lines.cut(block) for block in blocks]

    def prove() -> list[list]:
        lines = LineSplitter(max_line_bytes=most, prove=decoder.prove_text and (decoder.prove_text, MOST_LINES))
        return [lines.cut(block) for block in blocks]

    def validate(pieces: list[list]) -> None:
        for cut in pieces:
            decoder.validate_all(cut, export.name)

    def compose() -> int:
        for batch in batches:
            vars(batch).pop("body", None)  # it is kept
        return sum(len(batch.body) for batch in batches)

    cuts = split()
    proved = prove()
    bodies = [line.body for cut in cuts for line in lines_of(cut)]
    validated = [decoder.validate_all(cut, export.name) for cut in proved]
    signed = Signed()
    signing = Decoder(decoder.rules, decoder.memory, signed)
    for cut in cuts:
        signing.validate_all(cut, export.name)

    def pack() -> list:
        upload = SETTINGS.upload
        packer = Packer(CONTRACT, max_body_bytes=upload.max_body_bytes, look_ahead=upload.look_ahead)
        return [batch for entries in validated for batch in packer.feed(entries).batches] + packer.flush()

    batches = pack()
    decode = make_reader(EventsRecord[Order])
    return {
        "cut into lines": split,
        "CRC-32": lambda: [zlib.crc32(block) for block in blocks],
        "decode, and nothing else": lambda: [decode(body) and None for body in bodies],
        "look for lenient dates": lambda: [may_be_lenient(block) for block in blocks],
        "validate: prove, hardly ever decode": partial(validate, cuts),
        "the thread: cut and prove": prove,
        "the loop: validate what is proved": partial(validate, proved),
        "remember purchases": partial(signed.remember_purchases, pure_python=False),
        "remember purchases in Python": partial(signed.remember_purchases, pure_python=True),
        "remember ids": partial(signed.remember_ids, pure_python=False),
        "remember ids in Python": partial(signed.remember_ids, pure_python=True),
        "pack": pack,
        "compose bodies": compose,
        "the id of a batch: SHA-256": lambda: [hashlib.sha256(batch.body).digest() for batch in batches],
        "note the places of batches": lambda: [send_statements(batch, "") for batch in batches],
    }


def fastest(stages: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least CPU time of each stage."""
    best = dict.fromkeys(stages, float("inf"))
    for _ in range(rounds):
        for name, work in stages.items():
            began = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - began)
    return best


def processes(export: Path) -> list[str]:
    """Return the CPU seconds of a bare loop, of the script with pydantic, and of ours."""
    script = next(who for who in contenders.scripts() if "pydantic" in who.name)
    found = [measure.time_process([sys.executable, "-c", BARE, str(export)]).cpu]
    for who in (script, contenders.ours(contenders.AS_OTHERS)):
        with measure.sink() as sink, tempfile.TemporaryDirectory() as state:
            found.append(measure.time_process(who.argv(export, sink.url, Path(state))).cpu)
    return [*(f"{seconds:.2f}" for seconds in found), f"{found[1] / found[0]:.1f}", f"{found[2] / found[0]:.1f}"]


def main() -> None:
    """Measure both, print two tables."""
    parser = argparse.ArgumentParser(description="The cost of a byte.")
    parser.add_argument("--records", type=int, default=20_000, help="customers in the export")
    parser.add_argument("--rounds", type=int, default=7, help="of each stage")
    parser.add_argument("--cache", type=Path, default=measure.CACHE, help="where exports are kept")
    flags = parser.parse_args()
    export = measure.export(flags.records, cache=flags.cache)
    size = export.stat().st_size
    print(f"{measure.machine()}\n{flags.records:,} customers, {size / measure.MEGA:.0f} MB\n")
    found = fastest(stages(export), flags.rounds)
    rows = [[name, f"{best / size * 1e9:.2f}", f"{best / flags.records * 1e9:,.0f}"] for name, best in found.items()]
    print(measure.table(["stage", "ns a byte", "ns a record"], rows))
    heads = ["decode only, CPU s", "with pydantic", "ours", "pydantic / decode", "ours / decode"]
    print("\n" + measure.table(heads, [processes(export) for _ in range(3)]))


if __name__ == "__main__":
    main()
