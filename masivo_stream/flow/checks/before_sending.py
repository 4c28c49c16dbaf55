"""Check a run's exports as a whole before its first batch is sent, unless what was found before still holds."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, nullcontext

import msgspec

from masivo_stream.core.reading.hold_back import FindHeld, reject_lines
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.export.source import Input, is_file, is_plain_file
from masivo_stream.edges.files.findings_file import (
    FINDINGS,
    UNDER_WAY,
    FindingsFile,
    marked_under_way,
    read_findings,
)
from masivo_stream.flow.checks.policy import CheckPolicy, identify, read_policy
from masivo_stream.flow.checks.whole_export import AnsweredChecks, WholeExport
from masivo_stream.flow.pipeline.read_exports import validate_again
from masivo_stream.flow.session import Session
from masivo_stream.flow.sources import Source
from masivo_stream.flow.work_progress import measured_reading
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import count_lines
from masivo_stream.model.errors import InputError, UnreachableExportError
from masivo_stream.model.findings import ExportChecks
from masivo_stream.model.forecast import CountedExports
from masivo_stream.model.notices import ChecksEnded, ChecksStarted

OpenAnswers = Callable[[Mapping[Kind, Sequence[Input]]], Awaitable[AnsweredChecks]]
"""Opens the answers of parts to all of these inputs."""

_NOT_TAKEN_UP = (
    "the answers of parts are not taken up, because the run has dead letters of which they know nothing: the exports"
    " are checked as a whole without them"
)


class ChecksBeforeSending:
    """Make them once, then ask what is held back. Close it when the run has ended."""

    def __init__(self, session: Session, sources: Mapping[Kind, Sequence[Source]]) -> None:
        """Check the exports among the `sources` of a run; copies of dead letters are not checked.

        Raises:
            ConfigurationError: `skip_checks` has a name that no check has.
        """
        self._session, self._settings = session, session.settings
        self._policy = read_policy(session.settings)
        named = {kind: inputs for kind, found in sources.items() if (inputs := _exports(found))}
        self._inputs = {kind: inputs for kind, inputs in named.items() if self._can_check(kind, inputs)}
        left_out = [kind.value for kind in named if kind not in self._inputs]
        self.warnings = [_from_a_pipe(left_out)] if left_out and self._policy is not None else []
        """Sentences for the summary."""
        self._reads_on = any(self._is_left(kind, found) for kind, found in sources.items())
        self._findings: FindingsFile | None = None
        self._answers: AnsweredChecks | None = None
        self.counted: dict[Kind, CountedExports] = {}
        """What was counted, by kind; empty before the checks, or if there is nothing to check."""
        self._read: dict[Kind, tuple[int, int]] = {}
        """Lines and bytes of text that were read for the checks."""

    async def take_up(self, open_answers: OpenAnswers) -> None:
        """Open the answers of parts, if checks are left to make: then they are made by these, and no line is read.

        Raises:
            ConfigurationError: answers are missing.
            InputError: an export is gone, or an answer cannot be read.
        """
        if self._policy is None or not self._inputs or not self._reads_on:
            return
        identity = identify(self._inputs, self._settings.validation, self._policy)
        known = read_findings(self._session.state.path, identity)
        if known is not None:
            known.close()
        elif any(map(self._dead_lines, self._inputs)):
            self.warnings.append(_NOT_TAKEN_UP)
        else:
            self._answers = await open_answers(self._inputs)

    async def make(self) -> None:
        """Check, if there is anything left to read and it was not checked before.

        Raises:
            InputError: an export is gone, or object storage does not answer.
            StorageError: what the checks keep on disk cannot be written.
        """
        directory = self._session.state.path
        (directory / UNDER_WAY).unlink(missing_ok=True)  # of a process that was killed
        if self._policy is None or not self._inputs or not self._reads_on:
            return
        identity = identify(self._inputs, self._settings.validation, self._policy)
        self._findings = read_findings(directory, identity)
        if self._findings is not None:
            checked = _checks_of(self._findings)
            self._count(checked)
            self._notify_end(checked, seconds=0.0, known=True)
            return
        (directory / FINDINGS).unlink(missing_ok=True)  # it is about other exports
        files = [each for found in self._inputs.values() for each in found]
        # Object storage may not answer for an hour: who reads from there keeps no other run waiting.
        turn = None if any(each.stored for each in files) else self._session.runtime.turn_to_check
        async with nullcontext() if turn is None else turn:
            await self._make(self._policy, identity, files)

    async def _make(self, policy: CheckPolicy, identity: bytes, files: Sequence[Input]) -> None:
        directory, began = self._session.state.path, self._session.clock.now()
        with marked_under_way(directory):
            self._session.observer.notify(ChecksStarted(files=len(files), size=sum(each.size for each in files)))
            checked = await self._check(policy, identity)
        if not checked.unfinished:
            self._findings = read_findings(directory, identity)
            self._count(checked)
        self._notify_end(checked, seconds=self._session.clock.now() - began, known=False)

    def held(self, kind: Kind) -> FindHeld | None:
        """Return the function that finds what is held back of a kind's exports; None if nothing is."""
        found = self._findings
        if found is None or kind not in self._inputs:
            return None
        return lambda file, first, last: found.held(kind.value, file, first, last)

    def close(self) -> None:
        """Close the file of findings."""
        if self._findings is not None:
            self._findings.close()

    async def _check(self, policy: CheckPolicy, identity: bytes) -> ExportChecks:
        """Validate all exports from their beginnings, take notes, and look at them."""
        observer, clock = self._session.observer, self._session.clock
        files = [each for found in self._inputs.values() for each in found]
        reading = measured_reading("reading the exports", files, observer=observer, clock=clock)
        with WholeExport(self._inputs, policy, self._session.state.path, clock.wall()) as whole:
            if self._answers is not None:
                with reading:
                    await self._answers.check_content()  # the run validates what it reads, and knows of no answer
                await whole.take_answers(self._answers)
                return await whole.finish(identity, observer, clock)
            try:
                with reading:
                    await self._take_all(whole)
            except UnreachableExportError:  # later the run might be able to read it, and would send it unchecked
                raise
            except InputError as error:  # the run meets it, too, and reports it; what comes before it is sent
                self.warnings.append(f"the exports are not checked as a whole: {error.place}: {error}")
                return await whole.leave_unfinished()
            return await whole.finish(identity, observer, clock)

    async def _take_all(self, whole: WholeExport) -> None:
        """Validate the lines of all exports, and take notes of them."""
        read = dict.fromkeys(self._inputs, (0, 0))
        for kind, inputs in self._inputs.items():
            dead = self._dead_lines(kind)  # they are not sent: nothing to compare the other lines with
            sources = [Source(each) for each in inputs]
            async with aclosing(validate_again(kind, sources, self._settings)) as validated:
                async for block in validated:
                    await whole.take(kind, list(reject_lines(block.found, dead)) if dead else block.found)
                    lines, size = read[kind]
                    read[kind] = lines + count_lines(block.found), size + block.bytes_read
        self._read = read

    def _count(self, checked: ExportChecks) -> None:
        """Keep the numbers of records and items that are right and not held back."""
        held = {} if self._findings is None else self._findings.held_lines()
        for each in checked.by_kind:
            lines, size = self._read.get(Kind(each.kind), (None, 0))
            records = max(0, each.records - held.get(each.kind, 0))
            items = each.items * records // each.records if each.records else 0
            self.counted[Kind(each.kind)] = CountedExports(records=records, items=items, lines=lines, size=size)

    def _dead_lines(self, kind: Kind) -> dict[str, frozenset[int]]:
        """Return the lines of each file that are dead letters of the run."""
        journal, lines = self._session.journal.read, defaultdict[str, set[int]](set)
        names = {source.number: source.name for source in journal.sources(kind)}
        for source, line in journal.dead_lines(kind):
            lines[names.get(source, "")].add(line)
        return {name: frozenset(found) for name, found in lines.items()}

    def _notify_end(self, checked: ExportChecks, *, seconds: float, known: bool) -> None:
        counts = {each.check.value: each.count for each in checked.results}
        self._session.observer.notify(
            ChecksEnded(
                findings=counts,
                errors=checked.errors,
                seconds=seconds,
                known=known,
                wrong={each.check.value: each.count for each in checked.results if each.severity == "error"},
                held={} if self._findings is None else self._findings.held_lines(),
            )
        )

    def _can_check(self, kind: Kind, inputs: Sequence[Input]) -> bool:
        """Return whether all of a kind can be read twice: what came from a pipe, also to an earlier process, cannot."""
        known = self._session.journal.read.sources(kind)
        return all(map(is_file, inputs)) and not any(decode_identity(each.identity).stream for each in known)

    def _is_left(self, kind: Kind, sources: Sequence[Source]) -> bool:
        """Return whether lines of a kind's exports may be left to read."""
        journal = self._session.journal.read
        exports = {each.name: each for each in sources if not each.is_copy}  # of a file that has grown, the last part
        if not exports or not journal.read_all(kind):
            return bool(exports)
        consumed = journal.consumed(kind)
        return any(
            not is_plain_file(each.input) or consumed.get(each.number, (0, 0, 1))[0] < each.input.size
            for each in exports.values()
        )


def _exports(sources: Sequence[Source]) -> list[Input]:
    """Return the exports among sources, each once: one that has grown may be several sources."""
    return list({each.input.path: each.input for each in sources if not each.is_copy}.values())


def _from_a_pipe(kinds: Sequence[str]) -> str:
    return (
        f"{' and '.join(kinds)} from a pipe are not checked as a whole, because they can be read only once: write them"
        " to files and name these, then balances, unknown customers and duplicates are found before anything is sent"
    )


def _checks_of(found: FindingsFile) -> ExportChecks:
    return msgspec.json.decode(found.checks, type=ExportChecks)
