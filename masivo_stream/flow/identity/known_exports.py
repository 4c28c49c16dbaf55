"""The exports that a run knows, recognised whatever their names, paths and compression are now.

A file is the export that was read if its plain bytes before the consumed place have the CRC-32 that the journal keeps.
If size, time of change and samples are as they were, nothing else is read; otherwise the consumed part is read once,
before anything is sent. If nothing of an export was consumed, nothing of it can be sent twice.

If nothing of an export was consumed, its path, samples or name decide. If two files could be meant, a person decides
(`--moved OLD=NEW`).
"""

import os
import shlex
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import NoReturn, TypeVar

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.core.reading.object_urls import is_url, shown_url
from masivo_stream.edges.export.identity import (
    Identity,
    changed,
    decode_identity,
    find_change,
    identify_input,
    looks_the_same,
)
from masivo_stream.edges.export.source import STDIN, Input, is_compressed, is_file, read_blocks
from masivo_stream.edges.journal import JournalReader
from masivo_stream.edges.objects.object_file import RESTORE
from masivo_stream.flow.look_up import look_up
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError, UnreachableExportError

_BLOCK_BYTES = 1 << 20
FROM_A_PIPE = (
    "write the export to a file and name that file instead of {}: the part that was already read is recognised"
)


class KnownExport(Struct, frozen=True):
    """An export as the journal knows it: one file, of which several inputs may have been made as it grew."""

    name: str
    path: str
    """Its last known path; empty if that was not noted."""
    identity: Identity
    read: int
    """Plain bytes of it that are consumed."""
    crc: int
    """Their CRC-32."""


class Recognised(Struct, frozen=True):
    """An export that the run knows."""

    input: Input
    identity: Identity
    """Taken before its content was looked at, so that a change meanwhile is found by the next start."""
    grown: bool | None = None
    """Whether text follows what was read; None if that was not checked."""


class Moved(Struct, frozen=True):
    """What a person says of moved exports: old names or paths, and new ones. A word is in here once for each `=`."""

    places: tuple[tuple[str, str], ...]

    def of(self, known: KnownExport) -> str | None:
        """Return the present path of an export; None if the person said nothing of it."""
        for old, new in self.places:
            if old == known.name or (known.path and real_path(old) == known.path):
                return new
        return None


RecognisedExports = Mapping[str, Recognised]
"""The exports of a kind that a run knows, by the names that it gave them."""

NOT_MOVED = Moved(())
"""A person said nothing."""


def read_moved(words: Iterable[str]) -> Moved:
    """Read words of the form `OLD=NEW`. Both may hold `=`, as in `s3://exports/day=1/events.ndjson`.

    Raises:
        ConfigurationError: a word has another form.
    """
    places: list[tuple[str, str]] = []
    for word in words:
        found = [(word[:at], word[at + 1 :]) for at, sign in enumerate(word) if sign == "="]
        # A known name has no signature, so an old one that has is no old one.
        split = [(old, new) for old, new in found if old and new and shown_url(old) == old]
        if not split:
            raise ConfigurationError(
                f"{shown_url(word)} does not name an old and a new path",
                operation="read the command",
                place="--moved",
                hint="write --moved OLD=NEW: OLD is the name by which the run knows the export, NEW is its present"
                " path",
            )
        places += split
    return Moved(tuple(places))


def real_path(path: str) -> str:
    """Return the real path of a file, whatever directory or links its name goes through; of an object, its URL."""
    return shown_url(path) if path == STDIN or is_url(path) else os.path.realpath(path)


def known_exports(journal: JournalReader, kind: Kind) -> list[KnownExport]:
    """Return the exports of a kind that a run knows; a retry's copies are not among them."""
    consumed = journal.consumed(kind)
    found: dict[str, KnownExport] = {}
    for source in journal.sources(kind):
        if source.is_copy:
            continue
        before = found.get(source.name)
        read, crc, _ = consumed.get(source.number, (before.read, before.crc, 1) if before else (0, 0, 1))
        found[source.name] = KnownExport(source.name, source.path, decode_identity(source.identity), read, crc)
    return list(found.values())


async def prove(found: Input, known: KnownExport, *, full: bool, by_content: bool = False) -> Recognised | None:
    """Return an input as the known export; None if it does not begin with what was consumed of that.

    If nothing was consumed, any file may be the export, except one that was emptied; with `by_content` only a file with
    the same size and samples.

    Raises:
        InputError: it cannot be read.
    """
    identity = identify_input(found)
    if identity.stream:
        return Recognised(found, identity) if known.identity.stream and not known.read else None
    if not known.read:
        alike = looks_the_same(identity, known.identity) if by_content else not was_emptied(found, known)
        return Recognised(found, identity) if alike else None
    if identity == known.identity and not full:
        return Recognised(found, identity)
    if is_another_object(found, known):
        return None
    measured, seen = await measure(found, [known.read])
    return Recognised(found, identity, grown=seen > known.read) if measured.get(known.read) == known.crc else None


def not_the_same(found: Input, known: KnownExport) -> InputError:
    """Return the error for an input that has the path of an export, and is not what was read of it."""
    if not is_file(found):
        hint = FROM_A_PIPE.format(known.name)
        return changed(found.shown_path, "what came from a pipe cannot be read again", hint)
    if is_another_object(found, known):
        return changed(
            found.shown_path,
            f"the object has {found.size} bytes, and it had {known.identity.size}; nothing is appended to an object, so"
            " this is a new export",
            RESTORE,
        )
    if known.identity.size and not found.size:
        return changed(found.shown_path, f"it had {known.identity.size} bytes and is empty now")
    if not known.read:
        hint = f"if this is the right file, add --moved {shlex.quote(f'{known.name}={found.path}')}"
        return changed(found.shown_path, "none of it was read yet, and it looks different", hint)
    if is_compressed(found):
        return changed(found.shown_path, f"something changed in the first {known.read} bytes of its text")
    if found.size < known.read:
        return changed(found.shown_path, f"{known.read} bytes of it were read, but now it has only {found.size}")
    at = find_change(found.path, known.identity, known.read) if found.stored is None else None
    near = "" if at is None else f", near byte {at}"
    return changed(
        found.shown_path, f"something changed in its first {known.read} bytes, which were already processed{near}"
    )


def is_another_object(found: Input, known: KnownExport) -> bool:
    """Return whether an object was replaced by one of another size: that is no longer export, but a new one.

    An object is written as a whole. If it was put back as it was, its bytes are the same, although some services give
    it another ETag.
    """
    replaced = found.stored is not None and known.identity.is_object and real_path(found.path) == known.path
    return replaced and found.size != known.identity.size


def was_emptied(found: Input, known: KnownExport) -> bool:
    """Return whether a file has nothing in it any more."""
    return bool(known.identity.size) and is_file(found) and not found.size


async def measure(found: Input, lengths: Sequence[int]) -> tuple[dict[int, int], int]:
    """Return the CRC-32 of the first plain bytes, by each of `lengths` that the text has, and the number of bytes seen.

    The lengths ascend. What follows the longest is seen too, at least its first block.
    """
    measured: dict[int, int] = {}
    done = crc = 0
    waiting = list(lengths)
    with suppress(Truncated):
        async with aclosing(read_blocks(found, block_bytes=_BLOCK_BYTES)) as blocks:
            async for block in blocks:
                begin = 0
                while waiting and waiting[0] <= done + len(block):
                    end = waiting[0] - done
                    crc, begin = zlib.crc32(memoryview(block)[begin:end], crc), end
                    measured[waiting.pop(0)] = crc
                crc, done = zlib.crc32(memoryview(block)[begin:], crc), done + len(block)
                if done > lengths[-1]:
                    break
    return measured, done


async def _measure_if_readable(found: Input, lengths: Sequence[int]) -> tuple[dict[int, int], int]:
    """Measure an input. If it cannot be read, it is no known export; should it be read later, the error is reported."""
    try:
        return await measure(found, lengths)
    except UnreachableExportError:
        raise
    except InputError:
        return {}, 0


T = TypeVar("T")

_MOST_NAMED = 3
_PACKED = (".gz", ".zst", ".zstd")
_RENAMED = "name it again, by its present name: the part that was already read is recognised by its content"
_NEVER_READ = "name it again; if its name has changed, use the new name and add --moved OLD=NEW"


class Recogniser:
    """Looks for the exports of one kind among files."""

    def __init__(self, kind: Kind, known: Sequence[KnownExport], moved: Moved, *, full: bool) -> None:
        """Look for `known` exports; `full`: read everything that was consumed, also of unchanged files."""
        self._kind, self._moved, self._full = kind, moved, full
        self._missing = {each.name: each for each in known}
        self._left: dict[str, Input] = {}
        """Inputs, by path, that are not recognised yet."""
        self._refused: dict[str, Input] = {}
        """Inputs that have the path of an export and are not what it was, by the name of the export."""
        self._found: dict[str, Recognised] = {}

    async def among(self, inputs: Iterable[Input]) -> dict[str, Recognised]:
        """Return the inputs that are known exports, by the names that the run knows.

        Raises:
            ConfigurationError: a known export is not named, or two inputs could be meant.
            InputError: what was consumed of an export has changed, or it cannot be read.
        """
        self._left = {found.path: found for found in inputs}
        await self._by_word()
        await self._by_place()
        await self._by_content()
        self._unconsumed()
        for known in self._missing.values():
            self._complain(known)
        return self._found

    def _take(self, known: KnownExport, found: Recognised) -> None:
        del self._left[found.input.path], self._missing[known.name]
        self._found[known.name] = msgspec.structs.replace(found, input=_called(found.input, known))

    async def _by_word(self) -> None:
        for known in list(self._missing.values()):
            new = self._moved.of(known)
            if new is None:
                continue
            named = next((found for path, found in self._left.items() if real_path(path) == real_path(new)), None)
            if named is None:
                raise ConfigurationError(
                    f"{shown_url(new)} is not among the named exports",
                    operation="resume",
                    place="--moved",
                    hint=f"name it with --{self._kind} too",
                )
            proof = await prove(named, known, full=self._full)
            if proof is None:
                raise not_the_same(named, known)
            self._take(known, proof)

    async def _by_place(self) -> None:
        """Take the inputs that have the paths of consumed exports, if they are what those were."""
        at = self._places()
        for known in [each for each in self._missing.values() if each.read]:
            for path in _where(known):
                found = at.get(path)
                if found is None or found.path not in self._left:
                    continue
                proof = await prove(found, known, full=self._full)
                if proof is not None:
                    self._take(known, proof)
                    break
                self._refused.setdefault(known.name, found)

    def _places(self) -> dict[str, Input]:
        """Return the inputs that are left, by their names and by their paths."""
        named = {found.shown_path: found for found in self._left.values()}
        return {real_path(path): found for path, found in self._left.items()} | named

    async def _by_content(self) -> None:
        """Take the inputs that begin with what was consumed of an export, if only one assignment is possible."""
        missing = [known for known in self._missing.values() if known.read]
        if not missing:
            return
        lengths = sorted({known.read for known in missing})
        fits: dict[str, dict[str, Recognised]] = {known.name: {} for known in missing}
        for found in filter(is_file, self._left.values()):
            identity = identify_input(found)
            measured, seen = await _measure_if_readable(found, lengths)
            for known in missing:
                if measured.get(known.read) == known.crc and not is_another_object(found, known):
                    fits[known.name][found.path] = Recognised(found, identity, grown=seen > known.read)
        while certain := [known for known in missing if len(fits[known.name]) == 1]:
            known = max(certain, key=lambda each: each.read)
            (path, chosen) = fits[known.name].popitem()
            self._take(known, chosen)
            for others in fits.values():
                others.pop(path, None)
        for known in missing:
            if fits[known.name]:
                raise self._ambiguous(known, [each.input for each in fits[known.name].values()])

    def _unconsumed(self) -> None:
        """Take the inputs for exports of which nothing was consumed: nothing of them can be sent twice."""
        at = self._places()
        for known in [each for each in self._missing.values() if not each.read]:
            here = next((at[path] for path in _where(known) if path in at and at[path].path in self._left), None)
            if here is not None and not was_emptied(here, known):
                self._take(known, Recognised(here, identify_input(here)))
        self._unconsumed_by(lambda known: _look(known.identity), lambda found: _look(identify_input(found)))
        self._unconsumed_by(lambda known: _bare_name(known.name), lambda found: _bare_name(found.shown_path))
        missing, left = list(self._missing.values()), list(self._left.values())
        if len(missing) == len(left) == 1 and missing[0].identity.stream and not missing[0].read:
            self._take(missing[0], Recognised(left[0], identify_input(left[0])))

    def _unconsumed_by(
        self, of_known: Callable[[KnownExport], Hashable], of_input: Callable[[Input], Hashable]
    ) -> None:
        """Take each input that shares a trait with exactly one export, if that export shares it with no other input."""
        missing = [known for known in self._missing.values() if not known.read]
        if not missing:
            return
        files = list(filter(is_file, self._left.values()))
        theirs, ours = _group(files, of_input), _group(missing, of_known)
        for trait, exports in ours.items():
            alike = theirs.get(trait, [])
            if trait is not None and len(exports) == len(alike) == 1 and not was_emptied(alike[0], exports[0]):
                self._take(exports[0], Recognised(alike[0], identify_input(alike[0])))

    def _complain(self, known: KnownExport) -> NoReturn:
        at = self._places()
        here = self._refused.get(known.name) or next((at[path] for path in _where(known) if path in at), None)
        if here is not None and here.path in self._left:
            raise not_the_same(here, known)
        if not known.read and self._left:
            raise self._ambiguous(known, list(self._left.values()))
        hint = _RENAMED if known.read else _NEVER_READ
        raise ConfigurationError(
            f"the run in this state directory also reads {known.name}",
            operation="resume",
            place=f"--{self._kind}",
            hint=FROM_A_PIPE.format(known.name) if known.identity.stream else hint,
        )

    def _ambiguous(self, known: KnownExport, inputs: Sequence[Input]) -> ConfigurationError:
        words = [f"--moved {shlex.quote(f'{known.name}={found.path}')}" for found in inputs[:_MOST_NAMED]]
        why = "more than one file begins with the part that was read" if known.read else "none of it was read yet"
        return ConfigurationError(
            f"it is not certain which export is {known.name} now: {why}",
            operation="resume",
            place=f"--{self._kind}",
            hint=f"add {' or '.join(words)}",
        )


async def find_again(
    known: KnownExport, *, moved: Moved, state_dirs: tuple[str, str], full: bool, patience: Patience
) -> Recognised:
    """Find an export that the run knows without its being named.

    Args:
        known: the export.
        moved: what a person says about moved exports.
        state_dirs: the path of the state directory when the path of the export was noted (empty if unknown), and now.
        full: read everything that was consumed.
        patience: how long object storage is waited for.

    Raises:
        InputError: it is not found, or is not what it was.
    """
    new = moved.of(known)
    refused: Input | None = None
    for found in _candidates(known, state_dirs, patience) if new is None else look_up([new], patience):
        by_content = new is None and bool(known.path) and real_path(found.path) != known.path
        proof = await prove(found, known, full=full, by_content=by_content)
        if proof is not None:
            return msgspec.structs.replace(proof, input=_called(found, known))
        refused = refused or found
    if refused is not None:
        raise not_the_same(refused, known)
    raise InputError(
        "an export of the run is not where it was",
        operation="find the export",
        place=known.path or known.name,
        hint="start migrate once with its present name, which records the new place; or add --moved"
        f" {shlex.quote(known.name)}=PATH",
    )


def _candidates(known: KnownExport, state_dirs: tuple[str, str], patience: Patience) -> Iterator[Input]:
    """Yield the files at the old path, by the old name, and at the old place relative to the state directory.

    An object is only where it was.
    """
    if is_url(known.path):
        yield from _look_up_object(known, patience)
        return
    before, now = state_dirs
    beside = ""
    if known.path and before:
        beside = os.path.normpath(os.path.join(now, os.path.relpath(known.path, before)))  # noqa: PTH118 - a name
    seen: set[str] = set()
    for path in (known.path, known.name, beside):
        if path and path != STDIN and os.path.isfile(path) and real_path(path) not in seen:  # noqa: PTH113 - a name
            seen.add(real_path(path))
            yield from look_up([path], patience)


def _look_up_object(known: KnownExport, patience: Patience) -> list[Input]:
    try:
        return look_up([known.path], patience)
    except UnreachableExportError:
        raise
    except InputError as error:
        raise InputError(
            f"an export of the run cannot be read where it was: {error}",
            operation="find the export",
            place=known.path,
            hint="put it back, or check endpoint and credentials in the environment; if it has another URL or signature"
            f" now, add --moved {shlex.quote(known.name)}=URL",
        ) from error


def _called(found: Input, known: KnownExport) -> Input:
    """Return an input under the name that the run knows."""
    return msgspec.structs.replace(found, known_as="" if found.shown_path == known.name else known.name)


def _where(known: KnownExport) -> tuple[str, ...]:
    """Return the paths and names that an export had."""
    return (known.path, known.name) if known.path else (known.name, real_path(known.name))


def _look(identity: Identity) -> Hashable:
    return (identity.size, identity.samples, identity.etag) if identity.size else None


def _bare_name(name: str) -> str:
    base = name.rpartition("/")[2]
    return next((base.removesuffix(end) for end in _PACKED if base.endswith(end)), base)


def _group(members: Iterable[T], trait: Callable[[T], Hashable]) -> dict[Hashable, list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for member in members:
        groups.setdefault(trait(member), []).append(member)
    return groups
