"""Take up the shares of a preparation: one result of them, byte for byte what one process writes."""

import hashlib
import heapq
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from msgspec import Struct

from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.model.errors import BugError
from masivo_stream.model.ports import RemoteFiles
from masivo_stream.model.preparation import Preparation
from masivo_stream.prepare.engine.describe import PreparedFigures, describe
from masivo_stream.prepare.engine.find_remarks import FlatWords
from masivo_stream.prepare.engine.output_files import LEFT_OUT_FILE, OutputFiles, check_directory, read_file
from masivo_stream.prepare.engine.record_origins import OriginsOfLines
from masivo_stream.prepare.engine.run import (
    SPILL,
    ShowStep,
    StepProgress,
    encode_summary,
    read_mapping,
    warn_of_rewards,
)
from masivo_stream.prepare.engine.spill_dir import SavedSums, SpillDirectory
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.parts.find_shares import DAMAGED, FoundShare, ShareCommand, check_complete, find_shares
from masivo_stream.prepare.parts.identity import identify
from masivo_stream.prepare.parts.make_share import find_all_files
from masivo_stream.prepare.parts.share_files import (
    COPIED,
    READING_FILE,
    FileDigest,
    read_not_selected,
    read_words,
)
from masivo_stream.prepare.settling.closing import TableFigures
from masivo_stream.prepare.sources.places import PlaceNames


class PartsToTakeUp(Struct, frozen=True):
    """The mapping of a preparation, and where its parts are."""

    mapping_file: str
    parts: str
    """The directory of parts, as it was named."""
    remote: RemoteFiles | None = None
    """What finds the mapping and the sources that are named by a URL."""


def take_up(
    asked: PartsToTakeUp,
    directory: Path,
    show: ShowStep = lambda _: None,
    origins: OriginsOfLines | None = None,
) -> Preparation:
    """Write the exports that a mapping describes into a directory, from the shares in the directory of parts.

    `origins` is opened, and knows afterwards from which rows each line was made.

    Raises:
        ConfigurationError: the mapping is wrong; shares are missing, stale or damaged.
        InputError: a source cannot be read.
        StorageError: something cannot be written. The same command begins again.
        BugError: the figures do not close, or shares of the same sources do not agree.
    """
    mapping_file, parts = shown_url(asked.mapping_file), asked.parts
    mapping = parse_frame(read_mapping(asked.mapping_file, asked.remote), mapping_file)
    files = find_all_files(mapping, mapping_file, asked.remote)
    show(StepProgress("identify the sources", 0.0))
    command = ShareCommand(mapping_file, parts)
    shares = find_shares(command, identify(mapping, files).whole)
    first = shares[0].summary
    if any((each.summary.sources, each.summary.partitions) != (first.sources, first.partitions) for each in shares):
        raise BugError(
            "parts of the same sources do not agree about what is in these",
            operation="take up the parts",
            place=parts,
            hint="remove this directory and make all parts again; if that does not help, please report it",
        )
    check_directory(directory)
    names = PlaceNames(tuple(each.name for found in files.values() for each in found))
    with SpillDirectory(directory / SPILL, "") as space:
        space.begin_again()
        with OutputFiles(directory, space.path, space.progress, names) as outputs:
            damaged = _combine(shares, outputs, show)
            check_complete(command, len(shares), shares, {DAMAGED: damaged})
            outputs.settle_step()
            warnings = (*warn_of_rewards(mapping), *first.warnings)
            figures = PreparedFigures(first.sources, _add_up(shares, "came"), _add_up(shares, "went"), warnings)
            found = describe(mapping_file, figures, outputs.settling.tally, directory)
            outputs.publish(encode_summary(found), figures.kinds)
        if origins is not None:
            origins.open(space.path, names)
        space.remove()
    return found


def _combine(shares: list[FoundShare], outputs: OutputFiles, show: ShowStep) -> set[int]:
    """Write what is in the shares, in the order of a whole preparation; return the numbers of damaged ones."""
    first, remarks = shares[0], outputs.settling
    sums = [each for each in first.summary.sums if each.file == READING_FILE]
    outputs.add_reading(first.directory / READING_FILE, sums)
    words = heapq.merge(*(read_words(each.directory) for each in shares), key=_order_of_words)
    for table, rows in groupby(words, key=itemgetter(0)):
        outputs.add_words(table, (row for _, row in rows))
    places = heapq.merge(*(read_not_selected(each.directory) for each in shares), key=itemgetter(1))
    for source, found in groupby(places, key=itemgetter(0)):
        outputs.add_not_selected(source, (place for _, place in found))
    remarks.flush()
    damaged = set()
    for number, share in enumerate(shares, start=1):
        show(StepProgress(f"take up part {number} of {len(shares)}", number / (len(shares) + 1)))
        for name in COPIED:
            if _copy(share.directory / name, name, outputs) != share.summary.files[name]:
                damaged.add(number)
        _add_sums(share.summary.sums, LEFT_OUT_FILE, outputs)
    return damaged


_TABLES = [*FlatTable]


def _order_of_words(row: tuple[FlatTable, FlatWords]) -> tuple[int, int, bool, int, str]:
    """Order words as the database does: by place, place of the line item with none last, and text."""
    table, (place, line_place, words) = row
    return _TABLES.index(table), place, line_place is None, line_place or 0, words


def _copy(path: Path, name: str, outputs: OutputFiles) -> FileDigest:
    digest, size = hashlib.sha256(), 0
    for block in read_file(path):
        digest.update(block)
        size += len(block)
        outputs.append(name, block)
    return FileDigest(size, digest.hexdigest())


def _add_sums(saved: list[SavedSums], file: str, outputs: OutputFiles) -> None:
    for each in saved:
        if each.file == file:
            outputs.settling.tally.add_sums((each.table, each.action, each.why), each.sums)


def _add_up(shares: list[FoundShare], side: str) -> dict[str, TableFigures]:
    total: dict[str, TableFigures] = {}
    for share in shares:
        figures: dict[str, TableFigures] = getattr(share.summary, side)
        for table, each in figures.items():
            total.setdefault(table, TableFigures()).add(each)
    return total
