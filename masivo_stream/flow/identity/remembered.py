"""What this machine remembers of accounts, for uses outside of a run: what they have, and what was taken back.

An export is compared with what is remembered by its head; more of it is read only if the heads agree.
"""

import os
import shlex
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, closing, suppress
from datetime import datetime
from pathlib import Path

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.fingerprint import (
    HEAD_BYTES,
    Agreement,
    ExportComparison,
    ExportHead,
    TrailFollower,
    compare,
    describe_overlap,
    take_head,
)
from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.core.redact import named
from masivo_stream.edges.export.source import STDIN, Input, begin_stream, is_file, plain_head, read_blocks
from masivo_stream.edges.files.state_dir import JOURNAL
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.secret import name_receiver
from masivo_stream.edges.shared_dir.claims import default_shared_dir
from masivo_stream.edges.shared_dir.purchase_notes import forget_notes
from masivo_stream.edges.shared_dir.sent_exports import NAME, Receivers, SentExport, open_sent
from masivo_stream.flow.look_up import look_up
from masivo_stream.model.account import SHOWN, Account
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError, StorageError, UnreachableExportError
from masivo_stream.model.settings import Settings

_BLOCK = 1 << 20


async def read_export_head(source: Input) -> tuple[Input, ExportHead | None]:
    """Return an input and its head; None if it cannot be inspected without being read.

    The first bytes of standard input are taken, and stay with the input.
    """
    if source.path == STDIN:
        try:
            source = await begin_stream(source, HEAD_BYTES)
        except OSError:
            return source, None
        return source, take_head(plain_head(source), ended=False)
    if not is_file(source):
        return source, None
    content = bytearray()
    try:
        async with aclosing(read_blocks(source, block_bytes=HEAD_BYTES)) as blocks:
            async for block in blocks:
                content += block
                if len(content) >= HEAD_BYTES:
                    return source, take_head(bytes(content[:HEAD_BYTES]), ended=False)
    except Truncated:
        return source, take_head(bytes(content), ended=False)
    except UnreachableExportError:  # an export that is compared with nothing might be sent twice
        raise
    except InputError:  # reported when it is read
        return source, None
    return source, take_head(bytes(content), ended=True)


async def pursue(source: Input, head: ExportHead, found: SentExport) -> tuple[Agreement, int]:
    """Return what an export has in common with one that was sent, and up to which byte at least."""
    agreement = compare(head, found.head)
    if agreement.relation != "open" or source.path == STDIN:
        return agreement, 0
    pursuit, known = TrailFollower(found.trail, found.head), found.trail[-1][0] if found.trail else 0
    try:
        async with aclosing(read_blocks(source, block_bytes=_BLOCK)) as blocks:
            async for block in blocks:
                pursuit.feed(block)
                if pursuit.done and pursuit.length > known:
                    break
    except UnreachableExportError:
        raise
    except (InputError, Truncated):
        pass  # reported when it is read; what was seen of it counts
    if pursuit.same and not pursuit.done and (differs := await differ_after(source, found.path)) is not None:
        return Agreement(agreement.lines, "overlapping"), differs
    longer = 0 < known < pursuit.length
    return Agreement(agreement.lines, "same" if pursuit.same else "overlapping", longer=longer), pursuit.agreed


async def differ_after(source: Input, known: str) -> int | None:
    """Return after how many bytes a shorter export differs from one that was sent; None if it cannot be known.

    It ends between two checksums, so only the other export can show it, if it is still there.
    """
    twins = ExportComparison()
    try:
        async with AsyncExitStack() as files:
            (other,) = look_up([known], Patience()) if is_url(known) else [Input(known, 0)]
            pair = [
                await files.enter_async_context(aclosing(read_blocks(each, block_bytes=_BLOCK)))
                for each in (source, other)
            ]
            while not twins.differ:
                which = twins.lags
                if (block := await anext(pair[which], None)) is None:
                    break
                twins.feed(which, block)
    except (ConfigurationError, InputError, Truncated):
        return None
    return twins.agreed if twins.differ else None


async def predict_refusals(settings: Settings, account: Account, exports: Mapping[Kind, Iterable[Input]]) -> list[str]:
    """Return what `migrate` would refuse or warn of in these exports, a sentence each; nothing is changed.

    What the run in the settings' own state directory has sent is left out: `migrate` continues that run.
    """
    shared, own = find_shared_dir(settings), id_of_journal(settings.state.state_dir)
    if not (shared / NAME).exists():
        return []
    sentences: list[str] = []
    try:
        with closing(open_sent(shared)) as file:
            for kind, inputs in exports.items():
                for each in inputs:
                    head = None if each.path == STDIN else (await read_export_head(each))[1]
                    known = [] if head is None else file.find(receivers_of(account), kind, head)
                    others = [found for found in known if found.journal != own]
                    if head is not None:
                        sentences += [said async for said in _predict_refusals(account, each, head, others)]
    except (OSError, StorageError) as error:
        sentences.append(f"it is not known whether the account already has these exports: {error}")
    return sentences


async def _predict_refusals(
    account: Account, source: Input, head: ExportHead, others: Iterable[SentExport]
) -> AsyncIterator[str]:
    for found in others:
        agreement, reach = await pursue(source, head, found)
        if agreement.relation == "same":
            said = describe_sent(account.subject or account.owner, found, own="")
            yield f"{named(source.path)}: {said}; migrate refuses it: {advise(found, own='', longer=agreement.longer)}"
            return
        if agreement.relation == "overlapping":
            yield describe_overlap(source.name, named(found.path), lines=agreement.lines, size=reach)


def withdraw(settings: Settings, journal: str) -> None:
    """Forget what the run of a journal has sent: all of it was taken back. What stays is refused later."""
    shared = find_shared_dir(settings)
    with suppress(OSError, StorageError):
        forget_notes(shared, journal)
    with suppress(OSError, StorageError), closing(open_sent(shared)) as file:
        file.withdraw(journal)


def withdraw_runs(settings: Settings, account: Account, taken_back: Callable[[str], bool]) -> None:
    """Forget what runs have sent to an account if all of it was taken back, as `taken_back` says of their directories.

    What cannot be read stays, and is refused later.
    """
    shared = find_shared_dir(settings)
    try:
        with closing(open_sent(shared)) as file:
            for journal, state_dir in file.runs_of(receivers_of(account)):
                if id_of_journal(state_dir) == journal and taken_back(state_dir):
                    forget_notes(shared, journal)
                    file.withdraw(journal)
    except (OSError, StorageError):
        return


def other_runs(settings: Settings, account: Account) -> list[tuple[str, bool]]:
    """Return the state directories of other runs that have sent to an account, and whether their journal is there.

    Only what this machine remembers. If that cannot be read, nothing is known.
    """
    shared = find_shared_dir(settings)
    if not (shared / NAME).exists():
        return []
    own = id_of_journal(settings.state.state_dir)
    try:
        with closing(open_sent(shared)) as file:
            runs = sorted(file.runs_of(receivers_of(account)), key=lambda run: run[1])
    except (OSError, StorageError):
        return []
    return [(state_dir, id_of_journal(state_dir) == journal) for journal, state_dir in runs if journal != own]


def find_shared_dir(settings: Settings) -> Path:
    """Return where runs on this machine meet."""
    shared = settings.state.shared_dir
    return Path(shared) if shared else default_shared_dir(os.environ)


def receivers_of(account: Account) -> Receivers:
    """Return the names under which this machine remembers what an account has."""
    subject = name_receiver(account.origin, account.subject) if account.subject else ""
    return Receivers(owner=name_receiver(account.origin, account.owner), subject=subject)


def id_of_journal(state_dir: str) -> str:
    """Return the id of the journal in a directory; empty if no journal can be read."""
    path = Path(state_dir) / JOURNAL
    if not state_dir or not path.exists():
        return ""
    try:
        with closing(open_journal(path, _no_clock, writable=False)) as journal:
            return journal.read.id()
    except (ConfigurationError, StorageError):
        return ""


def _no_clock() -> datetime:
    raise RuntimeError("nothing is noted in a journal that is only read")


def describe_sent(shown: str, found: SentExport, *, own: str) -> str:
    """Return the sentence that an account already has an export."""
    if found.journal == own:
        return f"this run has sent the same content already, as {named(found.path)}"
    return (
        f"account {shown[:SHOWN]} already has this export: state directory {named(found.state_dir)} began to send"
        f" it on {found.at} as {named(found.path)}"
    )


def advise(found: SentExport, *, own: str, longer: bool) -> str:
    """Return what to do about an export that an account already has; `longer`: the new one is longer."""
    again = "to send it once more, start migrate with --again"
    if found.journal == own:
        return f"leave it out; {again}"
    if id_of_journal(found.state_dir) != found.journal:
        return (
            "the journal of that run is gone: continue with its state directory where it is now, or restore it and"
            f" continue there; {again}"
        )
    how = "write the missing lines to a further object beside" if is_url(found.path) else "append the missing lines to"
    first = f"{how} {named(found.path)}, then " if longer else ""
    return f"{first}continue there with --state-dir {shlex.quote(found.state_dir)} and that export; {again}"
