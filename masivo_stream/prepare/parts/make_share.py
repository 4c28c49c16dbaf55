"""Make one share of a preparation: a function of a request, which any process on any machine can call."""

from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.core.reading.object_urls import is_url, shown_url
from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.model.ports import RemoteFiles
from masivo_stream.prepare.engine.describe import count_exports
from masivo_stream.prepare.engine.output_files import EXPORT_FILES, are_intact
from masivo_stream.prepare.engine.run import (
    COPIES,
    SPILL,
    PreparationSteps,
    ShowStep,
    StepProgress,
    WorkToDo,
    read_mapping,
)
from masivo_stream.prepare.engine.share import Share
from masivo_stream.prepare.engine.spill_dir import SpillDirectory
from masivo_stream.prepare.mapping.frame import Mapping
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.mapping.written_select import WrittenMapping
from masivo_stream.prepare.parts.identity import FileStates, check_files, check_unchanged, identify, read_states
from masivo_stream.prepare.parts.share_files import (
    ShareFiles,
    ShareSummary,
    digest_file,
    is_undamaged,
    read_summary,
    share_name,
)
from masivo_stream.prepare.parts.shared_tables import SharedTables
from masivo_stream.prepare.sources.source_files import OPERATION, FileSpaces, SourceFile, find_files


class NamedFile(Struct, frozen=True):
    """A file of a source, as a process on any machine finds it."""

    name: str
    """As a person named it."""
    path: str
    """Absolute; empty for a file in object storage, which is found by the URL in the mapping."""


class ShareRequest(Struct, frozen=True, kw_only=True):
    """One share of the work. A process that sees the same files under the same paths can take it up."""

    version: str
    """Of this package: a share of another version is refused."""
    mapping_file: str
    """The name of the mapping, for errors."""
    mapping: str
    """Its text."""
    base: str
    """The directory that a relative `spill_dir` in the mapping is relative to."""
    files: dict[str, list[NamedFile]]
    """The files of each source."""
    parts: str
    """The absolute path of the directory of parts."""
    number: int
    """From 1."""
    of: int
    identity: str = ""
    """Of mapping and sources, as the one who asks has read them; empty: not known. Sources that differ are refused."""

    @property
    def share(self) -> Share:
        """Which share it is."""
        return Share(self.number, self.of)


class ShareAnswer(Struct, frozen=True, kw_only=True):
    """Where the answer is. It holds nothing of a record."""

    number: int
    of: int
    identity: str
    directory: str
    partitions: int
    """How many groups of customers this share has. If there are more shares than groups, some have none."""
    of_partitions: int
    """How many there are."""
    was_there: bool
    """Whether it was found, and nothing had to be done."""


def request_shares(mapping_file: str, parts: str, of: int, remote: RemoteFiles | None = None) -> list[bytes]:
    """Return the request of each share, for `make_share`. The sources are read, so that all machines read the same.

    Raises:
        ConfigurationError: the mapping is wrong, or reads standard input.
        InputError: a source does not exist.
    """
    first = request_share(mapping_file, parts, Share(1, of), remote)
    mapping = parse_frame(first.mapping, first.mapping_file)
    identity = identify(mapping, find_all_files(mapping, first.mapping_file, remote)).whole
    return [
        msgspec.msgpack.encode(msgspec.structs.replace(first, number=number, identity=identity))
        for number in range(1, of + 1)
    ]


def request_share(mapping_file: str, parts: str, share: Share, remote: RemoteFiles | None = None) -> ShareRequest:
    """Return the request of one share; it raises what `request_shares` does."""
    text = read_mapping(mapping_file, remote)
    mapping_file = shown_url(mapping_file)
    mapping = parse_frame(text, mapping_file)
    files = find_all_files(mapping, mapping_file, remote)
    return ShareRequest(
        version=__version__,
        mapping_file=mapping_file,
        mapping=text,
        base=str(Path.cwd()),
        files={
            name: [NamedFile(each.name, each.path if each.remote is None else "") for each in found]
            for name, found in files.items()
        },
        parts=str(Path(parts).absolute()),
        number=share.number,
        of=share.of,
    )


def find_all_files(mapping: Mapping, mapping_file: str, remote: RemoteFiles | None) -> dict[str, list[SourceFile]]:
    """Return the files of each source, by absolute paths; it raises what `request_shares` does."""
    check_files(mapping, mapping_file)
    return {
        name: [
            msgspec.structs.replace(each, path=str(Path(each.path).absolute()))
            for each in find_files(source, f"{mapping_file}: [sources] {name}", FileSpaces(None, Path(), remote))
        ]
        for name, source in mapping.sources.items()
    }


def make_share(request: bytes, remote: RemoteFiles | None = None) -> bytes:
    """Make a share, or find that it is there already; return its `ShareAnswer`. Both are MessagePack.

    It writes below the directory of parts, and may be called again after a kill: it continues, and the answer is the
    same. It needs no event loop, no signal handler and no main thread. `remote` finds the sources that are URLs.

    Raises:
        ConfigurationError: the mapping does not fit, or another process makes the same share.
        InputError: a source cannot be read, or is not what the request says.
        StorageError: something cannot be written. The same request continues.
    """
    return msgspec.msgpack.encode(take_share(msgspec.msgpack.decode(request, type=ShareRequest), remote=remote))


def take_share(
    request: ShareRequest, show: ShowStep = lambda _: None, remote: RemoteFiles | None = None
) -> ShareAnswer:
    """Make a share as `make_share` does, and show the steps."""
    if request.version != __version__:
        raise ConfigurationError(
            f"the share is asked for by version {request.version}, and this is {__version__}",
            operation="make a share",
            hint="install one version on all machines",
        )
    mapping, share, parts = parse_frame(request.mapping, request.mapping_file), request.share, Path(request.parts)
    spill = Path(request.base, mapping.engine.spill_dir) if mapping.engine.spill_dir else parts
    spill /= f"{SPILL}-{share.number}-of-{share.of}"
    files = _find_again(request, mapping, FileSpaces(None, spill / COPIES, remote))
    before = read_states(files)
    show(StepProgress("identify the sources", 0.0))
    found = identify(mapping, files)
    identity = found.whole
    tables = SharedTables(parts, share, found.tables, lambda: check_unchanged(files, before))
    if request.identity not in {"", identity}:
        raise _other_sources(request)
    work = WorkToDo(mapping, WrittenMapping(request.mapping_file, request.mapping), files, share)
    with SpillDirectory(spill, f"{identity} {share}") as space:
        target = parts / share_name(share, identity)
        summary = read_summary(target)
        was_there = summary is not None and is_undamaged(target, summary)
        if summary is None or not was_there:
            summary = _make(work, space, ShareTarget(target, identity, before, tables), show)
        space.remove()
    return ShareAnswer(
        number=share.number,
        of=share.of,
        identity=identity,
        directory=str(target),
        partitions=len(share.partitions(summary.partitions)),
        of_partitions=summary.partitions,
        was_there=was_there,
    )


def _find_again(request: ShareRequest, mapping: Mapping, spaces: FileSpaces) -> dict[str, list[SourceFile]]:
    """Return the files of a request as they are found by this process."""
    found: dict[str, list[SourceFile]] = {}
    for name, source in mapping.sources.items():
        urls = tuple(filter(is_url, source.path)) if spaces.remote is not None else ()
        of_urls = msgspec.structs.replace(source, path=urls)
        place = f"{request.mapping_file}: [sources] {name}"
        stored = {each.name: each for each in find_files(of_urls, place, spaces)}
        try:
            found[name] = [
                SourceFile(each.name, each.path) if each.path else stored[each.name] for each in request.files[name]
            ]
        except KeyError:
            raise _other_sources(request) from None
    return found


def _other_sources(request: ShareRequest) -> InputError:
    return InputError(
        "the sources are not those of the request",
        operation=OPERATION,
        place=request.mapping_file,
        hint="check that all machines read the same files, and that nothing writes to them; then ask again",
    )


class ShareTarget(Struct, frozen=True):
    """What a share becomes, and what it is made from."""

    directory: Path
    identity: str
    before: FileStates
    """Of the sources, before any was read."""
    tables: SharedTables


def _make(work: WorkToDo, space: SpillDirectory, target: ShareTarget, show: ShowStep) -> ShareSummary:
    share = work.share
    growing = target.directory.with_name(f".share-{share.number}-of-{share.of}")
    if not are_intact(ShareFiles.paths_in(growing), space.progress.sizes):
        space.begin_again()
    steps = PreparationSteps(work, space, show, target.tables)
    with ShareFiles(growing, space.progress, steps.names, share) as files:
        steps.take(files)
        show(StepProgress("count what was written", steps.share_done))
        went = count_exports({kind: growing / name for kind, name in EXPORT_FILES.items()})
        figures = steps.figures(went, ())
        figures.close(files.settling.tally, target.directory)  # of the share's own customers
        check_unchanged(work.files, target.before)
        summary = ShareSummary(
            identity=target.identity,
            number=share.number,
            of=share.of,
            partitions=space.progress.partitions,
            files={name: digest_file(path) for name, path in ShareFiles.paths_in(growing).items()},
            sources=figures.sources,
            came=figures.came,
            went=figures.went,
            sums=space.progress.sums,
            warnings=list(figures.warnings),
        )
        files.complete(target.directory, summary)
    return summary
