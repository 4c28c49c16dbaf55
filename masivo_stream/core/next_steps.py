"""What a person does next after a run: steps in the order in which to do them.

The commands are quoted for a POSIX shell, ready to be pasted in the directory where the run was started.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import UNSET

from masivo_stream.core.redact import named, printable
from masivo_stream.model.canary import CanaryResult
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.summary import Invocation, KindSummary, NextStep, Summary

LONGEST_COMMAND = 2000
"""Characters. A longer command (a glob that the shell expanded to hundreds of names) is described, not quoted."""

_PROGRAM = "masivo-stream"
_ONCE = frozenset({"--only-missing", "--others-stayed"})
"""Flags that apply to one start only, so that the next command is without them."""
_AFTER_STOP: dict[int, str] = {
    ExitCode.INPUT: "correct or restore the export, then start the same command again",
    ExitCode.OUTAGE: "start the same command again when the cause is gone: it continues from here",
    ExitCode.DENIED: "correct what the message names, then start the same command again: it continues from here",
}
_GO_ON = "start the same command again: it continues from here"
_BEGIN = "start the same command again: it begins, or says what is in its way"
_ALLOW_MORE = (
    "or, if these records may stay behind for now, start the same command again with a larger --max-dead: it continues"
    " from here"
)
_ABOUT_RECORDS = frozenset(
    {
        *("--state-dir", "--config", "--fleet", "--unknown-fields", "--discounted-value", "--transaction-types"),
        "--max-line-bytes",
    }
)
_STDIN = frozenset({"-", "/dev/stdin"})
_FROM_A_PIPE = "write the export to a file, then start the same command with that file instead of the pipe"


def resume_command(state_dir: str) -> str:
    """Return the command that ends the pause of a run."""
    return shlex.join([_PROGRAM, "resume", state_dir])


def resume_fleet_command(file: str, names: Sequence[str]) -> str:
    """Return the command that ends the pause of accounts of a fleet; of all if no name is given."""
    chosen = [word for name in names for word in ("--only", name)]
    return shlex.join([_PROGRAM, "fleet", "resume", file, *chosen])


def pause_command(state_dir: str) -> str:
    """Return the command that lets a run send nothing."""
    return shlex.join([_PROGRAM, "pause", state_dir])


def next_steps(summary: Summary, invocation: Invocation, state_dir: str) -> tuple[NextStep, ...]:
    """Return the steps after a run, the most urgent one first; if everything was accepted, the only one is optional.

    A run that was stopped goes on first: what it sends needs time, and a person none. Then come the batches in doubt:
    one that is discarded becomes dead letters. These come last.
    """
    return tuple(_steps(summary, invocation, state_dir))


def _steps(summary: Summary, invocation: Invocation, state_dir: str) -> Iterator[NextStep]:
    figures = summary.kinds.values()
    options = invocation.options or ("--state-dir", state_dir)
    if summary.exit_code == ExitCode.BUG:
        yield NextStep(
            text="this is a bug: keep the state directory as it is, and report that the figures do not add up"
        )
        return
    if summary.exit_code == ExitCode.CONFIGURATION:  # the run cannot continue; its hint says what to do
        return
    if summary.outcome in {"interrupted", "stopped"}:
        yield from _after_stop(summary, invocation, options, state_dir)
    yield from _decide(summary.kinds, options)
    if any(each.dead for each in figures) and not canary_refused(summary):
        yield from _correct(summary, options, state_dir)
    if summary.over_budget is not UNSET:
        yield NextStep(text=_ALLOW_MORE)
    if summary.outcome == "complete" and any(each.accepted for each in figures):
        text = "optional: read a sample back; accepted only means enqueued, and this shows what arrived"
        yield NextStep(text=text, command=quote((_PROGRAM, "verify", *options)))


def open_steps(kinds: Mapping[str, KindSummary], invocation: Invocation, state_dir: str) -> tuple[NextStep, ...]:
    """Return what a person has to do about the records of a run that is at work, once it has ended."""
    options = invocation.options or ("--state-dir", state_dir)
    summary = Summary(outcome="interrupted", exit_code=0, kinds=dict(kinds), closes=True)
    return (*_decide(kinds, options), *_correct(summary, options, state_dir))


def _decide(kinds: Mapping[str, KindSummary], options: Sequence[str]) -> Iterator[NextStep]:
    if any(each.in_doubt for each in kinds.values()):
        text = "see what is known about the batches in doubt, then decide"
        yield NextStep(text=text, command=quote((_PROGRAM, "resolve", *options)))


def count_all_given_up(summary: Summary) -> int:
    """Return how many dead letters are given up if a run has ended and nothing else is left of it; else 0."""
    if summary.outcome != "dead_letters" or _with_dead_letters(summary):
        return 0
    return sum(summary.fault_groups.given_up.values())


def _with_dead_letters(summary: Summary) -> list[str]:
    """Return the kinds that have dead letters that are not given up."""
    given_up = summary.fault_groups.given_up
    return [
        kind
        for kind, each in summary.kinds.items()
        if given_up.get(kind, 0) < max(each.dead, sum(each.reasons.values()))
    ]


def _correct(summary: Summary, options: Sequence[str], state_dir: str) -> Iterator[NextStep]:
    dead = _with_dead_letters(summary)
    if not dead:
        return
    text = "see the dead letters by cause, and correct all of one cause at once, or give them up"
    yield NextStep(text=text, command=quote((_PROGRAM, "mend", *_of_records(options))))
    kinds = dead[0] if len(dead) == 1 else f"{{{','.join(dead)}}}"
    text = f"correct `raw` in {named(state_dir)}/dead-letter.{kinds}.ndjson, then send the corrected records"
    yield NextStep(text=text, command=quote((_PROGRAM, "retry", *options)))


def _of_records(options: Sequence[str]) -> list[str]:
    """Return those of a run's flags that say where it is, and how records are validated."""
    found = pairwise(options)
    return [word for flag, value in found if flag in _ABOUT_RECORDS for word in (flag, value)]


def _after_stop(summary: Summary, invocation: Invocation, options: Sequence[str], state_dir: str) -> Iterator[NextStep]:
    go_on = _GO_ON if summary.kinds else _BEGIN
    text = go_on if summary.outcome == "interrupted" else _AFTER_STOP.get(summary.exit_code, _GO_ON)
    canary = None if summary.canary is UNSET else summary.canary
    if canary_refused(summary):
        yield from _correct(summary, options, state_dir)  # the same command would find the same dead letter
    elif not _STDIN.isdisjoint(invocation.again):
        yield NextStep(text=_FROM_A_PIPE)
    elif summary.over_budget is UNSET:
        yield NextStep(text=text, command=quote(invocation.again))
    if canary is not None and not canary.passed:
        yield from _after_canary(canary, invocation, options)


def canary_refused(summary: Summary) -> bool:
    """Return whether the API has refused a record of the canary: the same command would send it again."""
    canary = summary.canary
    return canary is not UNSET and any(record.outcome == "refused" for record in canary.records)


def _after_canary(canary: CanaryResult, invocation: Invocation, options: Sequence[str]) -> Iterator[NextStep]:
    words = [word for word in invocation.again if word != "--canary"]
    yield NextStep(text="or send the rest without the canary", command=quote([*words, "--no-canary"] if words else ()))
    if canary.sent_between is not None:
        start, end = canary.sent_between
        yield NextStep(
            text="or take back all customers that the account has migrated in these minutes, the canary among them;"
            " then correct the exports, and the same command starts from the beginning",
            command=quote((_PROGRAM, "revert", "--from", start, "--to", end, *options)),
        )


def same_command(invocation: Invocation, state_dir: str) -> tuple[str, ...]:
    """Return the words of a `migrate` that continues a run. After other commands its exports are known by the run."""
    words = tuple(word for word in invocation.again if word not in _ONCE)
    if words[:2] == (_PROGRAM, "migrate"):
        return words
    return (_PROGRAM, "migrate", *(invocation.options or ("--state-dir", state_dir)))


def revert_command(invocation: Invocation, state_dir: str, start: str, end: str) -> tuple[str, ...]:
    """Return the words of a `revert` of the period from `start` to `end`."""
    return (_PROGRAM, "revert", "--from", start, "--to", end, *(invocation.options or ("--state-dir", state_dir)))


def quote(words: Sequence[str]) -> str:
    """Return a command line quoted for a shell; empty if there is no command, or it cannot be shown as it is."""
    line = shlex.join(words)
    return line if len(line) <= LONGEST_COMMAND and printable(line) == line else ""
