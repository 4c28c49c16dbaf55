"""Print the summary of a run. It fits 80 columns whatever the numbers: a column per kind, a row per figure."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import UnsetType, structs
from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.accounting.forecast import percent
from masivo_stream.core.next_steps import count_all_given_up
from masivo_stream.core.redact import printable
from masivo_stream.model.examples import Example, SkipExample
from masivo_stream.model.moments import duration, rough_duration
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.status import Status
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.observe.check_list import details_of_groups, print_checks, print_warnings, unrepeated
from masivo_stream.observe.end_lines import clock_time, ending_lines, unread_line, waiting_line
from masivo_stream.observe.fault_list import print_fault_groups
from masivo_stream.observe.figure_words import RECORD_OUTCOMES, describe_rest, equation, outcome_words
from masivo_stream.observe.hanging_text import print_hanging
from masivo_stream.observe.to_do_lines import to_do_line, to_do_lines
from masivo_stream.observe.warning_counts import warning_line

MOST_REASONS = 5
"""Dead-letter reasons shown per kind, the most frequent first."""

_USUAL = 15.0
"""Seconds in which a run at work shows something, even if nothing has happened."""

_Figure = Callable[[KindSummary], float]
_RULE = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")


def print_summary(console: Console, summary: Summary) -> None:
    """Print what became of the records, whether the figures close, and what to do next."""
    _print_answers(console, summary)
    if summary.target:
        account = f" (account {printable(summary.account)})" if summary.account else ""
        console.print(Text(f"to {printable(summary.target)}{account}"), soft_wrap=True)
    if summary.kinds:
        console.print(_ledger(summary))
        console.print()
        _print_closing(console, summary)
    _print_left_out(console, summary)
    if not isinstance(summary.checks, UnsetType):
        if summary.target:
            print_warnings(console, summary.checks, with_errors=any(summary.unread.values()))
        else:
            print_checks(console, summary.checks, summary.fault_groups)
    if not isinstance(summary.canary, UnsetType):
        for sentence in summary.canary.learnt:
            print_hanging(console, printable(sentence), "canary: ")
    for warning in summary.warnings if summary.target else unrepeated(summary.warnings, summary.checks):
        console.print(Text(f"warning: {printable(warning)}"))
    print_end(console, summary)
    for step in summary.next_steps:
        print_step(console, step)
    _print_places(console, summary)


def _print_answers(console: Console, summary: Summary) -> None:
    """Print first what a person asks first: where the run is, when it is done, and what to do."""
    for line in how_far(summary):
        print_hanging(console, line, "", "bold")
    for line, style in _to_do(summary):
        print_hanging(console, line, "", style)


def how_far(summary: Summary) -> Iterator[str]:
    """Yield how far a run is that has not ended, and when it is done, if it is at work."""
    if isinstance(summary, Status) and not isinstance(summary.run, UnsetType):
        run = with_figures_of(summary, summary.run)
        yield from ending_lines(run)
        if line := unread_line(run):
            yield line
        yield from (warning_line(warning, run.now) for warning in run.warnings)
        told = run.wait.what == "retry" and any(warning.again_at for warning in run.warnings)
        if (line := waiting_line(run)) and not (told and not _silent(summary, summary.run)):
            since = f", {rough_duration(silent)} ago" if (silent := _silent(summary, summary.run)) else ""
            yield f"as of {clock_time(run, run.now)}{since}: {line}"
    elif summary.target and summary.share is not None and summary.share < 1:
        yield describe_share(summary)


def _to_do(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield what waits for a person; of a run at work with the commands, which are the last lines of any other."""
    if isinstance(summary, Status) and not isinstance(summary.run, UnsetType):
        yield from to_do_lines(with_figures_of(summary, summary.run))
    elif summary.target and (line := to_do_line(summary)):
        yield line, "red" if any(figures.in_doubt for figures in summary.kinds.values()) else "yellow"


def _silent(status: Status, run: RunSnapshot) -> float:
    """Return for how many seconds a run at work has shown nothing; 0.0 if that is no longer than usual."""
    age = status.asked_at - run.now
    return age if age > _USUAL else 0.0


def with_figures_of(status: Status, run: RunSnapshot) -> RunSnapshot:
    """Return what a run at work shows, at the moment of the question, with the figures of the journal.

    A run shows what has changed within a second. So what it showed last is true until it shows something else: only
    the times left go on. If it has shown nothing for long, it may hang or be stopped, and its last moment counts.
    """
    if not _silent(status, run):
        run = structs.replace(run, now=max(run.now, status.asked_at))
    if status.share is None:
        return run
    phases = tuple(
        structs.replace(phase, figures=status.kinds.get(phase.kind.value, phase.figures)) for phase in run.phases
    )
    return structs.replace(run, share=status.share, unread=sum(status.unread.values()), phases=phases)


def describe_share(summary: Summary) -> str:
    """Return the share of a run that has its outcome, and what the rest is."""
    return f"{percent(summary.share or 0.0)} % done; {describe_rest(summary)}"


def _print_places(console: Console, summary: Summary) -> None:
    """Print where to find what the run left."""
    for what, place in (("report", summary.report), ("published", summary.published)):
        if place:
            console.print(Text(f"{what}: {printable(place)}"), soft_wrap=True)


def print_end(console: Console, summary: Summary) -> None:
    """Print how the run ended, and what to do about it."""
    console.print(Text(describe_end(summary), style="bold"))
    if summary.hint and (summary.outcome == "stopped" or not summary.next_steps):
        print_hanging(console, printable(summary.hint), "  hint: ")


def describe_end(summary: Summary) -> str:
    """Return one sentence about how the run ended."""
    words = {
        "complete": "complete: every record is accepted or skipped",
        "dead_letters": "complete, but some records are dead letters",
        "in_doubt": "some batches are in doubt: they may or may not have arrived",
        "interrupted": "interrupted",
        "stopped": "stopped",
    }
    text = "complete" if count_all_given_up(summary) else words[summary.outcome]
    if summary.outcome in ("complete", "dead_letters") and not any(each.accepted for each in summary.kinds.values()):
        text = _describe_end_without_accepted(summary) or text
    if (
        summary.outcome == "interrupted" and summary.message and not summary.exit_code
    ):  # the message names the process that is working
        return printable(summary.message)
    between = ": " if summary.outcome in {"interrupted", "stopped"} else "; "
    return f"{text}{f'{between}{printable(summary.message)}' if summary.message else ''}"


def _describe_end_without_accepted(summary: Summary) -> str:
    """Return the sentence about the end if nothing was accepted: validate and plan send nothing. Empty if none fits."""
    figures = summary.kinds.values()
    waiting, dead, skipped = (sum(getattr(each, name) for each in figures) for name in ("pending", "dead", "skipped"))
    if waiting:
        ready = "record is" if waiting == 1 else "records are"
        return f"validated, nothing sent: {waiting:,} {ready} ready to send"
    if not summary.kinds or any(each.in_doubt for each in figures):
        return ""
    done = "complete, nothing sent" if summary.target else "validated, nothing to send"
    if not dead and not skipped:
        return f"{done}: there is no record" if summary.outcome == "complete" else ""
    what = " or ".join(word for word, count in (("a dead letter", dead), ("skipped", skipped)) if count)
    return f"{done}: every record is {what}"


def _ledger(summary: Summary) -> Table:
    """Return the table of figures, with the signs of the closing equation."""
    unread = summary.unread if summary.target and any(summary.unread.values()) else {}
    kinds = summary.kinds | {kind: KindSummary() for kind in unread if kind not in summary.kinds}
    columns = list(kinds.values())
    total = len(columns) > 1
    table = Table(box=_RULE, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    for name in (*kinds, *(["total"] if total else [])):
        table.add_column(name, justify="right", overflow="fold")  # a figure is never cut

    def add(name: str, figure: _Figure, form: Callable[[float], str] = _number, *, alarming: bool = False) -> None:
        values = [figure(each) for each in columns]
        shown = [*values, *([sum(values)] if total else [])]
        table.add_row(name, *(Text(form(value), style="bold red" if alarming and value else "") for value in shown))

    for title, prefix, outcomes in (("records", "", RECORD_OUTCOMES), ("items", "items_", RECORD_OUTCOMES[:-1])):
        add(f"{title} read", _named(f"{prefix}read"))
        for sign, outcome in zip("=+++++", outcomes, strict=False):
            add(
                f"  {sign} {outcome_words(outcome)}", _named(prefix + outcome), alarming=outcome in {"dead", "in_doubt"}
            )
        table.add_section()
        if unread and not prefix:
            counts = [unread.get(kind, 0) for kind in kinds]
            about = "" if summary.unread_exact else "about "
            shown = [*counts, *([sum(counts)] if total else [])]
            table.add_row("not read yet", *(Text(f"{about if count else ''}{count:,}") for count in shown))
            table.add_section()
    if any(figures.requests for figures in columns):
        add("requests", _named("requests"))
        add("  at least", _named("requests_lower_bound"))
        add("  429s", _named("throttled"))
        add("MB sent", lambda each: each.bytes_sent / 1e6, "{:,.1f}".format)
        add("time", _named("seconds"), duration)
    return table


def _named(field: str) -> _Figure:
    return lambda figures: getattr(figures, field)


def _print_closing(console: Console, summary: Summary) -> None:
    figures = summary.kinds.values()
    left = any(each.pending or each.in_doubt for each in figures) or any(summary.unread.values())
    word, style = ("adds up", "" if left else "green") if summary.closes else ("DOES NOT ADD UP", "bold red")
    for prefix, text in ((f"{word}: ", equation(figures)), (" " * len(f"{word}: "), equation(figures, of_items=True))):
        print_hanging(console, text, prefix, style)


def _print_left_out(console: Console, summary: Summary) -> None:
    """Print what was not sent: by reason, with an example of each."""
    details = details_of_groups(summary.checks, summary.fault_groups)
    if summary.target:  # what to do after a run is not what to do before one
        for detail in details.values():
            detail.findings.clear()
    for kind, figures in summary.kinds.items():
        examples = {found.reason: found for found in summary.examples if found.kind == kind}
        reasons = sorted(figures.reasons.items(), key=lambda item: -item[1])
        if reasons or figures.skip_reasons:
            console.print()
        if not print_fault_groups(console, kind, sum(figures.reasons.values()), summary.fault_groups, details):
            _print_reasons(console, kind, reasons, examples)
        for line in describe_skipped(kind, figures.skip_reasons, summary.skipped_examples):
            console.print(Text(line))
    console.print()


def _print_reasons(console: Console, kind: str, reasons: list[tuple[str, int]], examples: dict[str, Example]) -> None:
    """Print the reasons of dead letters of which no group is known: none of them is in the dead-letter file."""
    for reason, count in reasons[:MOST_REASONS]:
        print_hanging(console, f"{count_dead_letters(count, reason)}: {REMEDIES[Reason(reason)]}", f"{kind}: ")
        if (found := examples.get(reason)) is not None and found.place:
            print_hanging(console, _describe_place(found), " " * len(f"{kind}: "))
    if (more := len(reasons) - MOST_REASONS) > 0:
        console.print(Text(f"{kind}: and {more} more reason{'s' if more > 1 else ''}, see --json"))


def count_dead_letters(count: int, reason: str) -> str:
    """Return a number of dead letters and their reason, such as `3 dead letters (missing_field)`."""
    return f"{count:,} dead letter{'s' if count != 1 else ''} ({reason})"


def describe_skipped(kind: str, reasons: Mapping[str, int], examples: Iterable[SkipExample]) -> Iterator[str]:
    """Yield a line for each reason for which records were skipped, with the first place if it is known."""
    places = {found.reason: found.place for found in examples if found.kind == kind}
    for reason, count in reasons.items():
        first = f", first at {printable(places[reason])}" if reason in places else ""
        yield f"{kind}: {count:,} skipped ({reason}){first}"


def _describe_place(found: Example) -> str:
    offset = "" if found.offset is None else f", byte {found.offset:,}"
    field = f", {found.field}" if found.field else ""
    return f"for example {printable(found.place)}{offset}{field}"


def print_step(console: Console, step: NextStep) -> None:
    """Print one step, and its command on a line of its own."""
    print_hanging(console, printable(step.text), "next: ")
    if step.command:
        console.print(Text(f"  {printable(step.command)}", style="bold"), soft_wrap=True)  # a person will paste it


def _number(value: float) -> str:
    return f"{value:,.0f}"
