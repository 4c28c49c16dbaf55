"""Exports that are validated in parts, in this process, and the outcome."""

import json
from pathlib import Path

import msgspec

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.files.part_files import write_answer
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.parts.make_part import answer_name, ask_for_part, make_part
from masivo_stream.flow.retry_copies import writing_dead_letters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.settings import RetrySettings, Settings, StateSettings, UploadSettings, ValidationSettings

CAP = 4096


def settings_of(folder, **validation):
    """Return settings with a state directory in a folder."""
    return Settings(
        state=StateSettings(state_dir=str(folder)),
        upload=UploadSettings(workers=1),
        validation=ValidationSettings(max_line_bytes=CAP, **validation),
    )


def make_parts(exports, settings, parts, folder):
    """Make all parts; return their requests."""
    inputs = exports.find(RetrySettings())
    asked = [ask_for_part(inputs, settings, part, parts) for part in range(1, parts + 1)]
    for request in asked:
        write_answer(Path(folder), answer_name(request), make_part(msgspec.msgpack.encode(request)))
    return asked


async def planned(exports, settings, later=0):
    """Plan a migration, some seconds `later`; return the plan and the files that it leaves, as they are at any time."""
    clock = FakeClock()
    clock.advance(later)
    with writing_dead_letters(settings.state.state_dir) as files:
        found = await plan(settings, exports, files=files, runtime=Runtime(clock=clock))
    return found, _left_in(Path(settings.state.state_dir))


def _left_in(folder):
    return {path.name: list(map(_timeless, path.read_bytes().splitlines())) for path in folder.glob("*.ndjson")}


def _timeless(line):
    record = json.loads(line)
    return {name: value for name, value in record.items() if name != "at"}


def named(paths, parts=""):
    """Return exports by kind and paths."""
    return Exports(**{kind: tuple(map(str, found)) for kind, found in paths.items()}, parts=str(parts))
