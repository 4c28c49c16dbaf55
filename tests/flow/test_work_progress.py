"""Commands that send nothing announce how far they are, to the end; so does the return into a compressed export."""

import gzip
import json

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.export.meter import METER, ReadingMeter
from masivo_stream.edges.export.source import find_inputs, read_blocks
from masivo_stream.flow.commands.check import check
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.commands.validate import validate
from masivo_stream.flow.commands.validate_part import validate_part
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.work_progress import WorkMeter, measured_return
from masivo_stream.model.notices import WorkProgressed
from masivo_stream.model.settings import Settings, StateSettings

CUSTOMER = {"id": "c", "email": "a@example.com", "first_name": "A", "last_name": "B", "status": "active"}


class Steps:
    """Keeps the latest notice of each step, in the order of the steps."""

    def __init__(self):
        self.latest, self.notices = {}, 0

    def notify(self, notice):
        assert isinstance(notice, WorkProgressed)
        self.latest[notice.step] = (notice.done, notice.of, notice.unit)
        self.notices += 1


def write(path, count=500, *, pack=False):
    lines = b"".join(
        json.dumps(CUSTOMER | {"id": f"{path.stem}{number}", "email": f"{path.stem}{number}@example.com"}).encode()
        + b"\n"
        for number in range(count)
    )
    path.write_bytes(gzip.compress(lines) if pack else lines)
    return len(lines)


async def test_what_is_read_is_announced_to_its_end(tmp_path):
    """By bytes as they are stored, also of a compressed export; then the checks, part by part."""
    plain, packed = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"
    write(plain)
    write(packed, pack=True)
    size = plain.stat().st_size + packed.stat().st_size
    exports = Exports(customers=(str(plain), str(packed)))
    settings = Settings(state=StateSettings(state_dir=str(tmp_path / "state")))
    for command in (validate, plan):
        seen = Steps()
        await command(settings, exports, observer=seen)
        assert list(seen.latest)[:2] == ["validating", "checking all files together"]
        assert seen.latest["validating"] == (size, size, "bytes")
        done, parts, unit = seen.latest["checking all files together"]
        assert (done, unit) == (parts, "parts")
    seen = Steps()
    await check(settings, exports=exports, observer=seen)
    assert seen.latest == {"reading the exports": (size, size, "bytes")}


async def test_a_part_announces_its_own_bytes(tmp_path):
    """Those of its stretch, not those of the whole export."""
    size = write(tmp_path / "a.ndjson")
    seen = Steps()
    exports = Exports(customers=(str(tmp_path / "a.ndjson"),))
    await validate_part(Settings(), exports, 2, 4, out=str(tmp_path), observer=seen)
    ((step, (done, of, unit)),) = seen.latest.items()
    assert (step, unit) == ("validating part 2 of 4", "bytes")
    assert size / 4 - 1 <= of <= size / 4 + 1
    assert done >= of


async def test_a_compressed_export_is_read_again_up_to_where_the_run_was(tmp_path):
    """The plain bytes that are dropped are announced; what follows is not."""
    path = tmp_path / "a.ndjson.gz"
    size = write(path, pack=True)
    (source,) = find_inputs([str(path)])
    seen, start = Steps(), size // 2
    with measured_return(observer=seen, clock=FakeClock()):
        rest = b"".join([block async for block in read_blocks(source, block_bytes=1000, start=start)])
    assert rest == gzip.decompress(path.read_bytes())[start:]
    assert list(seen.latest.values()) == [(start, start, "bytes")]
    assert METER.get() == ReadingMeter()


def test_notices_are_few():
    """Five a second at most, and one at the end."""
    clock, seen = FakeClock(), Steps()
    meter = WorkMeter("validating", 1000, "bytes", observer=seen, clock=clock)
    for _ in range(1000):
        meter.add(1)
    assert seen.notices == 2
    assert seen.latest == {"validating": (1000, 1000, "bytes")}
