"""Recognise the exports that a run knows, whatever their names, paths and compression are now.

Their content decides (`flow.identity.known_exports`). If nothing of an export was consumed, its path, samples or name
decide. If two files could be meant, a person decides (`--moved OLD=NEW`).
"""

import os
import shlex
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NoReturn, TypeVar

import msgspec

from masivo_stream.edges.export.identity import Identity, take_identity
from masivo_stream.edges.export.source import STDIN, Input, find_inputs, is_file
from masivo_stream.flow.identity.known_exports import (
    FROM_A_PIPE,
    KnownExport,
    Moved,
    Recognised,
    measure,
    not_the_same,
    prove,
    real_path,
    was_emptied,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError

T = TypeVar("T")

_MOST_NAMED = 3
_PACKED = (".gz", ".zst", ".zstd")
_RENAMED = "name it again, by its present name: what was read of it is recognised by its content"
_NEVER_READ = "name it again; if it has another name now, use that, and add --moved OLD=NEW"


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
                    f"{new} is not among the exports that are named",
                    operation="resume",
                    place="--moved",
                    hint=f"name it with --{self._kind} as well",
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
            identity = take_identity(found.path)
            with suppress(InputError):  # it cannot be the export; if it is read later, the error is reported then
                measured, seen = await measure(found, lengths)
                for known in missing:
                    if measured.get(known.read) == known.crc:
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
                self._take(known, Recognised(here, take_identity(here.path)))
        self._unconsumed_by(lambda known: _look(known.identity), lambda found: _look(take_identity(found.path)))
        self._unconsumed_by(lambda known: _bare_name(known.name), lambda found: _bare_name(found.shown_path))
        missing, left = list(self._missing.values()), list(self._left.values())
        if len(missing) == len(left) == 1 and missing[0].identity.stream and not missing[0].read:
            self._take(missing[0], Recognised(left[0], take_identity(left[0].path)))

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
                self._take(exports[0], Recognised(alike[0], take_identity(alike[0].path)))

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
        why = "more than one begins with what was read of it" if known.read else "nothing of it was read yet"
        return ConfigurationError(
            f"it is not certain which export is {known.name} now: {why}",
            operation="resume",
            place=f"--{self._kind}",
            hint=f"add {' or '.join(words)}",
        )


async def find_again(known: KnownExport, *, moved: Moved, state_dirs: tuple[str, str], full: bool) -> Recognised:
    """Find an export that the run knows without its being named.

    Args:
        known: the export.
        moved: what a person says about moved exports.
        state_dirs: the path of the state directory when the path of the export was noted (empty if unknown), and now.
        full: read everything that was consumed.

    Raises:
        InputError: it is not found, or is not what it was.
    """
    new = moved.of(known)
    refused: Input | None = None
    for found in _candidates(known, state_dirs) if new is None else find_inputs([new]):
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
        hint=f"start migrate once with its present name, which notes it; or add --moved {shlex.quote(known.name)}=PATH",
    )


def _candidates(known: KnownExport, state_dirs: tuple[str, str]) -> Iterator[Input]:
    """Yield the files at the old path, by the old name, and at the old place relative to the state directory."""
    before, now = state_dirs
    beside = ""
    if known.path and before:
        beside = os.path.normpath(os.path.join(now, os.path.relpath(known.path, before)))  # noqa: PTH118 - a name
    seen: set[str] = set()
    for path in (known.path, known.name, beside):
        if path and path != STDIN and os.path.isfile(path) and real_path(path) not in seen:  # noqa: PTH113 - a name
            seen.add(real_path(path))
            yield from find_inputs([path])


def _called(found: Input, known: KnownExport) -> Input:
    """Return an input under the name that the run knows."""
    return msgspec.structs.replace(found, known_as="" if found.shown_path == known.name else known.name)


def _where(known: KnownExport) -> tuple[str, ...]:
    """Return the paths and names that an export had."""
    return (known.path, known.name) if known.path else (known.name, real_path(known.name))


def _look(identity: Identity) -> Hashable:
    return (identity.size, identity.samples) if identity.size else None


def _bare_name(name: str) -> str:
    base = name.rpartition("/")[2]
    return next((base.removesuffix(end) for end in _PACKED if base.endswith(end)), base)


def _group(members: Iterable[T], trait: Callable[[T], Hashable]) -> dict[Hashable, list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for member in members:
        groups.setdefault(trait(member), []).append(member)
    return groups
