"""What a person does next after a run, in the order in which it is to be done.

The commands are quoted for a POSIX shell, and are ready to paste in the directory where the run was started.
"""

import shlex
from collections.abc import Iterator, Sequence

from masivo_stream.core.redact import named, printable
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.next_step import Invocation, NextStep
from masivo_stream.model.summary import Summary

LONGEST_COMMAND = 2000
"""Characters; a longer one (a glob that the shell made hundreds of names of) is told in words."""

_PROGRAM = "masivo-stream"
_ONCE = frozenset({"--only-missing", "--others-stayed"})
"""Flags of one start, not of those that follow."""
_FIRST: dict[int, str] = {
    ExitCode.INPUT: "mend or restore the export, then start the same command again",
    ExitCode.OUTAGE: "start the same command again when the cause is gone: it continues from here",
    ExitCode.DENIED: "correct what the message names, then start the same command again: it continues from here",
}
_GO_ON = "start the same command again: it continues from here"
_STDIN = frozenset({"-", "/dev/stdin"})
_FROM_A_PIPE = "write what came from the pipe to a file, then start the same command with the file in its place"


def next_steps(summary: Summary, invocation: Invocation, state_dir: str) -> tuple[NextStep, ...]:
    """Return the steps after a run; where everything was accepted there is only something to look at."""
    return tuple(_steps(summary, invocation, state_dir))


def _steps(summary: Summary, invocation: Invocation, state_dir: str) -> Iterator[NextStep]:
    figures = summary.kinds.values()
    options = invocation.options or ("--state-dir", state_dir)
    if summary.exit_code == ExitCode.BUG:
        yield NextStep(text="keep the state directory as it is, and report this: the figures must close")
        return
    if summary.exit_code == ExitCode.CONFIGURATION:  # this run does not go on; its hint says what can be done
        return
    if summary.outcome in {"interrupted", "stopped"}:
        text = _GO_ON if summary.outcome == "interrupted" else _FIRST.get(summary.exit_code, _GO_ON)
        if _STDIN.isdisjoint(invocation.again):
            yield NextStep(text=text, command=quote(invocation.again))
        else:
            yield NextStep(text=_FROM_A_PIPE)
    if any(each.in_doubt for each in figures):
        text = "see what is known about the batches in doubt, then decide"
        yield NextStep(text=text, command=quote((_PROGRAM, "resolve", *options)))
    if summary.outcome in {"in_doubt", "dead_letters"} and any(each.dead for each in figures):
        dead = [kind for kind, each in summary.kinds.items() if each.dead]
        kinds = dead[0] if len(dead) == 1 else f"{{{','.join(dead)}}}"
        text = f"mend `raw` in {named(state_dir)}/dead-letter.{kinds}.ndjson, then send what you mended"
        yield NextStep(text=text, command=quote((_PROGRAM, "retry", *options)))

    if summary.outcome == "complete" and any(each.accepted for each in figures):
        text = "optional: read a sample back; accepted means enqueued, and this shows what arrived"
        yield NextStep(text=text, command=quote((_PROGRAM, "verify", *options)))


def same_command(invocation: Invocation, state_dir: str) -> tuple[str, ...]:
    """Return the words of a `migrate` that goes on with a run; its exports need no name where it knows them."""
    words = tuple(word for word in invocation.again if word not in _ONCE)
    if words[:2] == (_PROGRAM, "migrate"):
        return words
    return (_PROGRAM, "migrate", *(invocation.options or ("--state-dir", state_dir)))


def revert_command(invocation: Invocation, state_dir: str, start: str, end: str) -> tuple[str, ...]:
    """Return the words of a `revert` of a period."""
    return (_PROGRAM, "revert", "--from", start, "--to", end, *(invocation.options or ("--state-dir", state_dir)))


def quote(words: Sequence[str]) -> str:
    """Quote a command line; nothing where it is none, or cannot be shown as it is."""
    line = shlex.join(words)
    return line if len(line) <= LONGEST_COMMAND and printable(line) == line else ""
