"""Find the shares that are there, and name those that are not: missing, stale or damaged, with the command for them."""

import re
import shlex
from collections import Counter
from pathlib import Path

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.share import Share
from masivo_stream.prepare.parts.share_files import LISTS, ShareSummary, is_undamaged, read_summary, share_name

OPERATION = "take up the parts"
_NAME = re.compile(r"share-([1-9][0-9]*)-of-([1-9][0-9]*)-([0-9a-f]{16})")


class FoundShare(Struct, frozen=True):
    """A share with the bytes that were written."""

    directory: Path
    summary: ShareSummary


class ShareCommand(Struct, frozen=True):
    """The command that makes shares."""

    mapping_file: str
    parts: str
    """The directory of parts, as it was named."""

    def of_one(self, number: int, of: int) -> str:
        """Return what makes a share."""
        return (
            f"masivo-stream prepare {shlex.quote(self.mapping_file)} --part {number}/{of} -o {shlex.quote(self.parts)}"
        )

    def of_several(self, numbers: list[int], of: int) -> str:
        """Return what makes shares one after the other, in a shell."""
        names = " ".join(map(str, numbers))
        mapping, parts = shlex.quote(self.mapping_file), shlex.quote(self.parts)
        one = f'masivo-stream prepare {mapping} --part "$part/{of}" -o {parts}'
        return f"for part in {names}; do {one} || break; done"


def count_shares(parts: str, identity: str) -> int:
    """Return into how many shares of these sources the work is divided in a directory; 0 if none of them is there."""
    known = [(share, digest) for share, digest in _list_names(Path(parts)) if digest == identity[:16]]
    return _choose(known, identity) if known else 0


def _list_names(parts: Path) -> list[tuple[Share, str]]:
    """Return the shares in a directory by their names, each with the beginning of its identity."""
    return [
        (Share(int(name[1]), int(name[2])), name[3])
        for each in (sorted(parts.iterdir()) if parts.is_dir() else ())
        if (name := _NAME.fullmatch(each.name)) is not None
    ]


def find_shares(command: ShareCommand, identity: str) -> list[FoundShare]:
    """Return all shares of one division of the work, in order.

    Raises:
        ConfigurationError: no share is there, or some are missing, stale or damaged.
    """
    parts = Path(command.parts)
    known = _list_names(parts)
    if not known:
        raise ConfigurationError(
            "there are no parts here",
            operation=OPERATION,
            place=command.parts,
            hint=f"make some, for example all of two on this machine: {command.of_several([1, 2], 2)}",
        )
    of = _choose(known, identity)
    stale = {share.number for share, digest in known if share.of == of and digest != identity[:16]}
    found, damaged = [], set()
    for share in (Share(number, of) for number in range(1, of + 1)):
        directory = parts / share_name(share, identity)
        summary = read_summary(directory)
        if summary is not None and summary.identity == identity and is_undamaged(directory, summary, LISTS):
            found.append(FoundShare(directory, summary))
        elif directory.exists():
            damaged.add(share.number)
    check_complete(command, of, found, {STALE: stale, DAMAGED: damaged})
    return found


def _choose(known: list[tuple[Share, str]], identity: str) -> int:
    """Return into how many shares the work is divided: of several divisions, the one that lacks the fewest."""
    fresh = Counter(share.of for share, digest in known if digest == identity[:16])
    return min({share.of for share, _ in known}, key=lambda of: (-fresh[of] / of, of))


MISSING = "missing"
STALE = "stale (of other sources, another mapping or another version)"
DAMAGED = "damaged"


def check_complete(command: ShareCommand, of: int, found: list[FoundShare], why_not: dict[str, set[int]]) -> None:
    """Stop if a share is not found, or cannot be used for a reason in `why_not`.

    Raises:
        ConfigurationError: it names each share with its reason, and the command that makes all of them.
    """
    unusable = {number: why for why, numbers in why_not.items() for number in numbers}
    good = {each.summary.number for each in found} - {*why_not.get(DAMAGED, ())}
    needed = [number for number in range(1, of + 1) if number not in good]
    if not needed:
        return
    by_reason: dict[str, list[int]] = {}
    for number in needed:
        by_reason.setdefault(unusable.get(number, MISSING), []).append(number)
    listed = "; ".join(f"{', '.join(map(str, numbers))} {why}" for why, numbers in by_reason.items())
    if len(needed) == 1:
        hint = f"make it, and start the same command again: {command.of_one(needed[0], of)}"
    else:
        hint = f"make them, and start the same command again: {command.of_several(needed, of)}"
    raise ConfigurationError(
        f"{len(needed)} of {of} parts cannot be taken up: {listed}",
        operation=OPERATION,
        place=command.parts,
        hint=hint,
    )
