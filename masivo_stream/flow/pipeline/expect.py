"""What the exports of a run hold, before they are read.

The plan of the same exports says it, or what an earlier process of the run has counted; without either, it is estimated
from a few stretches of the exports.

It changes nothing of the run, and only shows people when the run ends. What goes wrong here is not reported: the run
meets it when it reads the exports, and reports it then.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import anyio.to_thread
import msgspec
from msgspec import Struct, structs

from masivo_stream import __version__
from masivo_stream.core.dead_letters import validate_dead_letters
from masivo_stream.core.packing.pack import full_requests
from masivo_stream.core.packing.sample_cost import request_ratio
from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.edges.export.identity import encode_identity, identify_input
from masivo_stream.edges.export.sample import TextSample, count_lines_of_file, sample_text
from masivo_stream.edges.export.source import Input, is_compressed, is_file
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.outcome import summarise_kinds
from masivo_stream.flow.pipeline.read_exports import make_decoder
from masivo_stream.flow.sources import Extent, Source
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import EntryRun, LineResults, count_lines
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.forecast import CountedExports, Expected, KnownExports
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings

PLAN = "plan.json"
"""The file in a state directory in which `plan` leaves what it found."""

_FILES, _OBJECTS = 16, 4
"""Files of a kind, and objects, of which stretches are read at most."""

_PLACES = 16
"""Stretches of a kind that are read, if it is in one file."""

_SPREAD = 4
"""Stretches that are spread over all exports say as much of what was not read yet as this part of them, read in order:
many exports are sorted by date, and their records grow."""


class PlannedExports(Struct, frozen=True, kw_only=True):
    """What `plan` found, and a digest of the exports and settings that it was made from."""

    schema: int = 1
    of: str
    kinds: dict[Kind, Expected]


async def expect(
    state: StateDir, journal: JournalReader, sources: Mapping[Kind, Sequence[Source]], settings: Settings
) -> dict[Kind, Expected]:
    """Return what the exports of each kind hold; kinds of which nothing is known are left out.

    Copies of dead letters that a retry sends belong to them. If they are all that is left, they are counted.
    """
    planned = _planned(state, sources, settings)
    noted = journal.expected()
    found: dict[Kind, Expected] = {}
    for kind, of_kind in sources.items():
        known = noted.get(kind.value)
        if kind in planned:
            found[kind] = planned[kind]
        elif known is not None and known.of == _digest(of_kind):
            found[kind] = known.expected
        elif journal.read_all(kind):
            counted = _count_copies(kind, of_kind, settings, journal)
            if counted is not None:
                found[kind] = counted
        elif of_kind and not any(source.is_copy for source in of_kind):
            sampled = await _sample(kind, of_kind, settings)
            if sampled is not None:
                found[kind] = sampled
    return found


def known_exports_of(
    sources: Mapping[Kind, Sequence[Source]], expected: Mapping[Kind, Expected]
) -> dict[str, KnownExports]:
    """Return what a journal keeps, so that a later process, or `status`, need not read the exports."""
    return {kind.value: KnownExports(_digest(sources[kind]), each) for kind, each in expected.items()}


def recount(expected: Mapping[Kind, Expected], counted: Mapping[Kind, CountedExports]) -> dict[Kind, Expected]:
    """Return what is known after the checks over all files, which have read every line."""
    found = dict(expected)
    for kind, each in counted.items():
        before = expected.get(kind)
        if before is None or before.basis in {"plan", "retry"}:
            continue
        full = full_requests(CONTRACTS[kind], records=before.sendable, items=before.items)
        least = full_requests(CONTRACTS[kind], records=each.records, items=each.items)
        requests = math.ceil(least * before.requests / full) if full else math.ceil(least)
        now = structs.replace(before, sendable=each.records, items=each.items, requests=requests)
        if each.lines is not None:
            now = structs.replace(now, basis="checks", records=each.lines, size=each.size, weight=0)
        found[kind] = now
    return found


# The plan.


def leave_plan(
    state: StateDir, inputs: Mapping[Kind, Sequence[Input]], expected: Mapping[Kind, Expected], settings: Settings
) -> None:
    """Keep what a plan found beside the state, for the run of the same exports. Without it that run estimates."""
    of = _digest_of_plan(inputs, settings)
    if of:
        with suppress(MasivoStreamError):
            state.write(PLAN, msgspec.json.format(msgspec.json.encode(PlannedExports(of=of, kinds=dict(expected)))))


def _planned(state: StateDir, sources: Mapping[Kind, Sequence[Source]], settings: Settings) -> Mapping[Kind, Expected]:
    """Return what a plan found of just these exports with these settings."""
    every = [source for each in sources.values() for source in each]
    if any(source.is_copy or source.begin.offset or source.end is not None for source in every):
        return {}
    try:
        plan = msgspec.json.decode(state.read(PLAN), type=PlannedExports)
        inputs = {kind: [source.input for source in each] for kind, each in sources.items() if each}
        return plan.kinds if plan.of == _digest_of_plan(inputs, settings) else {}
    except (ValueError, MasivoStreamError):  # it is not there, or damaged
        return {}


def _digest_of_plan(inputs: Mapping[Kind, Sequence[Input]], settings: Settings) -> str:
    """Return a digest of all that a plan's numbers depend on; empty if an export cannot be read twice."""
    seen = []
    for kind, found in inputs.items():
        for each in found:
            identity = identify_input(each)
            if identity.stream:
                return ""
            seen.append((kind, encode_identity(identity)))
    upload, validation = settings.upload, settings.validation
    rules = (upload.max_body_bytes, upload.look_ahead, settings.verify.canary, structs.replace(validation, max_dead=()))
    about = msgspec.msgpack.encode((__version__, seen, rules))
    return hashlib.blake2b(about, digest_size=16).hexdigest()


def _digest(sources: Iterable[Source]) -> str:
    """Return a digest of which stretches of which inputs a run reads; that they are unchanged is checked elsewhere."""
    seen = [(each.number, each.input.size, each.begin.offset, each.end, each.is_copy) for each in sources]
    return hashlib.blake2b(msgspec.msgpack.encode(seen), digest_size=16).hexdigest()


# The sample.


async def _sample(kind: Kind, sources: Sequence[Source], settings: Settings) -> Expected | None:
    """Estimate what exports hold from stretches of some of them; None if that cannot be."""
    if not all(is_file(source.input) for source in sources):
        return None
    objects = any(source.input.stored is not None for source in sources)  # each stretch is a request
    most = _OBJECTS if objects else _FILES
    chosen = [sources[number * len(sources) // min(most, len(sources))] for number in range(min(most, len(sources)))]
    taken = _Sampled(kind, settings)
    try:
        for source in chosen:
            taken.take(source, await _read(source.input, 1 if objects else max(2, _PLACES // len(chosen))))
        return taken.expected(sources, [*chosen])
    except (OSError, MasivoStreamError):  # the run meets it, too, and reports it
        return None


async def _read(found: Input, places: int) -> TextSample:
    if found.stored is None:
        return sample_text(found, places)
    return await anyio.to_thread.run_sync(sample_text, found, places, abandon_on_cancel=True)


def _count_copies(kind: Kind, sources: Sequence[Source], settings: Settings, journal: JournalReader) -> Expected | None:
    """Return what a kind holds if all but new copies was read; None if it has no new copies, or they cannot be read."""
    consumed, known = journal.consumed(kind), summarise_kinds(journal).get(kind.value)
    copies = [source for source in sources if source.is_copy and source.number not in consumed]
    if not copies or known is None:
        return None
    taken = _Sampled(kind, settings)
    try:
        for source in copies:
            taken.take(source, sample_text(source.input, _PLACES))
        copied = taken.expected(copies, copies)
        lines = sum(count_lines_of_file(source.input) for source in copies)
    except (OSError, MasivoStreamError):  # the run meets it, too, and reports it
        return None
    if copied is None or not copied.records:
        return None
    return structs.replace(copied, basis="retry", records=lines, dead=known.dead, weight=0)


class _Sampled:
    """Adds up what stretches of exports hold."""

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self._contract, self._settings = CONTRACTS[kind], settings
        lean = structs.replace(settings.validation, remember_ids=1)
        self._decoder = make_decoder(kind, structs.replace(settings, validation=lean), checked=True)
        self._sizes: list[tuple[int, int]] = []
        """Items and bytes of each record that is sent."""
        self._records = self._sendable = self._items = 0.0
        self._text = self._stored = self._sampled = 0
        self._spread = True

    def take(self, source: Source, sample: TextSample) -> None:
        """Take the stretches of one export: each of its records counts for as much text as it stands for."""
        length = sum(map(len, sample.stretches))
        share = sample.size / length if length else 0.0
        before = len(self._sizes)
        for stretch in sample.stretches:
            lines = LineSplitter(max_line_bytes=self._settings.validation.max_line_bytes)
            pieces = [*lines.cut(stretch), *lines.flush()]
            validate = partial(validate_dead_letters, self._decoder) if source.is_copy else self._decoder.validate_all
            results = validate(pieces, source.name, source.number)
            self._records += count_lines(results) * share
            for result in results:
                self._sizes += _sent(result)
        own = self._sizes[before:]
        self._sendable += len(own) * share
        self._items += sum(items for items, _ in own) * share
        self._text, self._stored = self._text + sample.size, self._stored + source.input.size
        self._sampled += length
        self._spread = self._spread and sample.spread

    def expected(self, sources: Sequence[Source], chosen: Sequence[Source]) -> Expected | None:
        """Return what all exports hold, if those that no stretch was read of are like the others."""
        if not self._text:
            return None
        size = Extent(sources).size
        if not size:
            others = sum(each.input.size for each in sources) - self._stored if len(chosen) < len(sources) else 0
            packed = self._text / max(1, self._stored) if any(is_compressed(each.input) for each in chosen) else 1.0
            size = self._text + round(others * packed)
        scale = size / self._text
        sendable, items = round(self._sendable * scale), round(self._items * scale)
        least = full_requests(self._contract, records=sendable, items=items)
        ratio = request_ratio(self._contract, self._sizes, max_body_bytes=self._settings.upload.max_body_bytes)
        return Expected(
            basis="sample",
            records=round(self._records * scale),
            sendable=sendable,
            items=items,
            requests=math.ceil(least * ratio),
            size=size,
            weight=max(1, self._sampled, size // _SPREAD if self._spread else 0),
        )


def _sent(result: LineResults) -> list[tuple[int, int]]:
    """Return items and bytes of the records that are sent."""
    match result:
        case EntryRun(items=items, sizes=sizes):
            return [*zip(items, [size - 1 for size in sizes], strict=True)]
        case Entry(items=items, body=body):
            return [(items, len(body))]
        case _:
            return []
