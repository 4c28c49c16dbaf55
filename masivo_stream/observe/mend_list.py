"""Print dead letters by cause, what a correction changes, and what a retry would send."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from masivo_stream.core.mending.list_rows import FaultRow
from masivo_stream.core.redact import printable
from masivo_stream.model.mending import (
    CauseDetail,
    DeadLetterCause,
    DeadLetterCounts,
    DeadLetterList,
    MadeCorrection,
    Mended,
)
from masivo_stream.observe.fault_list import SAID_BY_THE_CAUSE
from masivo_stream.observe.hanging_text import print_hanging

MOST_SHOWN = 12
"""Causes of a kind that are shown; the JSON form has more."""

_MEANING = (
    ("corrected", "corrected and valid: retry sends them"),
    ("unchanged_sent", "not corrected, but valid: retry sends them as they are"),
    ("corrected_faulty", "corrected, and still not valid: retry does not send them"),
    ("unchanged_faulty", "not valid: retry does not send them"),
    ("unchanged_left", "stay until they are corrected: retry does not send them"),
)


def print_dead_letters(console: Console, found: DeadLetterList, where: str = "") -> None:
    """Print the dead letters of a run by cause, and the corrections; `where` are the flags that name the run."""
    if not any(counts.waiting for counts in found.kinds.values()):
        console.print(Text("no dead letter waits for a correction"))
    for kind, counts in found.kinds.items():
        _print_kind(console, kind, counts, [cause for cause in found.causes if cause.kind == kind])
    if found.causes_left_out:
        console.print(Text(f"and {found.causes_left_out:,} more causes"))
    _print_corrections(console, found.corrections)
    if found.causes:
        _print_ways(console, found.causes, where)
    elif any(counts.sent for counts in found.kinds.values()):
        console.print(Text("next: send what was corrected"))
        console.print(Text(f"  masivo-stream retry{where}", style="bold"), soft_wrap=True)


def print_cause(console: Console, found: CauseDetail, where: str = "") -> None:
    """Print a cause, or all causes of a kind, with the values at fault; `where` are the flags that name the run."""
    _print_causes(console, found.causes)
    if found.values:
        console.print(Text("values at fault, and how many places have each:"))
        width = max(len(f"{count:,}") for count in found.values.values())
        for value, count in found.values.items():
            print_hanging(console, value or "(none)", f"  {count:>{width},}  ")
        if found.values_left_out:
            console.print(Text(f"  and {found.values_left_out:,} more values"))
    if found.causes:
        _print_ways(console, found.causes, where)


def print_planned(console: Console, found: DeadLetterList) -> None:
    """Print what a retry would send, and what it would not."""
    for kind, counts in found.kinds.items():
        _print_kind(console, kind, counts, [cause for cause in found.causes if cause.kind == kind])
    sent, waiting = (sum(getattr(each, name) for each in found.kinds.values()) for name in ("sent", "waiting"))
    console.print(Text(f"nothing sent: retry would send {sent:,} of {waiting:,} {_letters(waiting)}", style="bold"))
    about = "" if found.unread_exact else "about "
    rest = ((found.pending, "{:,} pending records"), (found.unread, f"{about}{{:,}} that are not read yet"))
    if left := " and ".join(text.format(count) for count, text in rest if count):
        print_hanging(console, f"and with it, the run continues: {left}", "")


def _print_kind(console: Console, kind: str, counts: DeadLetterCounts, causes: Sequence[DeadLetterCause]) -> None:
    print_hanging(console, f"{counts.waiting:,} {_letters(counts.waiting)}", f"{kind}: ")
    for line in describe_counts(counts):
        print_hanging(console, line, "  ")
    _print_causes(console, causes)
    console.print()


def _print_causes(console: Console, causes: Sequence[DeadLetterCause]) -> None:
    width = max((len(f"{cause.dead_letters:,}") for cause in causes), default=0)
    explained: set[str] = set(SAID_BY_THE_CAUSE)
    for cause in causes[:MOST_SHOWN]:
        prefix = f"  {cause.id}  {cause.dead_letters:>{width},}  "
        print_hanging(console, describe_cause(cause), prefix)
        place = f"first at {printable(cause.file)}:{cause.line}, byte {cause.offset:,}"
        remedy = "" if cause.reason in explained or not cause.remedy else f": {cause.remedy}"
        explained.add(cause.reason)
        sent = f"; retry would send {cause.sent:,} of them" if cause.sent else ""
        print_hanging(console, place + sent + remedy, " " * len(prefix))
    if (more := len(causes) - MOST_SHOWN) > 0:
        console.print(Text(f"  and {more:,} more causes, see --json"))


def _print_ways(console: Console, causes: Sequence[DeadLetterCause], where: str) -> None:
    """Print what corrects the largest cause that can be corrected by its field."""
    cause = next((cause for cause in causes if not cause.by_hand), causes[0])
    if cause.by_hand:
        file = f"dead-letter.{cause.kind}.ndjson"
        text = f"next: correct `raw` in {file} in the state directory with an editor, then retry; or give them up"
        print_hanging(console, text, "")
    else:
        console.print(Text("next: correct all of one cause; what changes is shown first, then it asks"))
    for flag in cause.ways:
        console.print(Text(f"  masivo-stream mend {cause.id} {flag}{where}", style="bold"), soft_wrap=True)


def describe_cause(cause: DeadLetterCause) -> str:
    """Return what is wrong: field, cause and reason."""
    words = ": ".join(filter(None, (cause.field, cause.cause)))
    return printable(f"{words} ({cause.reason})" if words else cause.reason)


def describe_counts(counts: DeadLetterCounts) -> Iterator[str]:
    """Yield a line for each thing that a retry would do with dead letters of a kind."""
    for name, meaning in _MEANING:
        if count := getattr(counts, name):
            yield f"{count:,} {meaning}"
    if counts.given_up:
        yield f"{counts.given_up:,} given up: not in the dead-letter file, counted as dead"


def _print_corrections(console: Console, corrections: Iterable[MadeCorrection]) -> None:
    for each in corrections:
        why = f" ({each.gave_up})" if each.gave_up else ""
        undone = ", undone" if each.undone else ""
        text = f"{each.what}{why}: {each.dead_letters:,} of {each.kind}, by {each.person}, {each.at}{undone}"
        print_hanging(console, printable(text), f"correction {each.number}: ")


def print_mended(console: Console, found: Mended) -> None:
    """Print what a correction changes, or has changed."""
    verb = "changed" if found.applied else "would change"
    gives_up = found.what.startswith("give up")
    if gives_up:
        verb = "given up" if found.applied else "would be given up"
        text = f"{found.changed:,} {_letters(found.changed)} {verb}: no retry sends them, and they count as dead"
    else:
        text = (
            f"{found.what}: {verb} {found.changed:,} of {found.concerned:,} {_letters(found.concerned)} of {found.kind}"
        )
    print_hanging(console, printable(text), "")
    for example in found.examples:
        place = f"{example.file}:{example.line}  {example.field}"
        print_hanging(console, printable(f"{place}: {example.before or '(none)'} -> {example.after or '(none)'}"), "  ")
    if found.changed and not gives_up:
        verb = ("is valid now" if found.valid == 1 else "are valid now") if found.applied else "would be valid"
        still = f"; {found.changed - found.valid:,} still {_have(found)}:" if found.still else ""
        print_hanging(console, f"{found.valid:,} of {found.changed:,} {verb}{still}", "")
    for each in found.still:
        words = ": ".join(filter(None, (each.field, each.cause)))
        print_hanging(console, printable(f"{words} ({each.reason})"), f"  {each.dead_letters:,}  ")
    for why, count in found.left.items():
        print_hanging(console, f"{count:,} {'places stay' if count != 1 else 'place stays'} as before: {why}", "  ")
    _print_coverage(console, found)
    if found.rows_unused_count:
        some = ", ".join(map(str, found.rows_unused))
        more = (
            f" and {found.rows_unused_count - len(found.rows_unused):,} more"
            if found.rows_unused_count > len(found.rows_unused)
            else ""
        )
        print_hanging(console, f"no dead letter concerned has the id in these lines of the table: {some}{more}", "  ")
    for kind, count in found.rows_of_other_kinds.items():
        of_table = f"{count:,} {'corrections' if count != 1 else 'correction'} of the table"
        print_hanging(console, f"{of_table} passed over, for {kind}: masivo-stream mend {kind} takes them", "  ")


def _print_coverage(console: Console, found: Mended) -> None:
    """Print which values a mapping does not cover, and how many of its old values occur nowhere."""
    width = max((len(f"{count:,}") for count in found.unmapped.values()), default=0)
    for value, count in found.unmapped.items():
        print_hanging(console, printable(value) or "(none)", f"    {count:>{width},}  ")
    if found.unmapped_left_out:
        values = "value" if found.unmapped_left_out == 1 else "values"
        print_hanging(console, f"and {found.unmapped_left_out:,} more {values}", "    ")
    if found.old_values_unused:
        occur = "old value of the mapping occurs" if found.old_values_unused == 1 else "old values of the mapping occur"
        print_hanging(console, f"{found.old_values_unused:,} {occur} nowhere", "  ")


def _have(found: Mended) -> str:
    return "has" if found.changed - found.valid == 1 else "have"


def _letters(count: int) -> str:
    return "dead letter" if count == 1 else "dead letters"


def print_rows(console: Console, rows: Sequence[FaultRow], more: int, *, show: bool) -> None:
    """Print dead letters one by one: two lines for each fault. `show`: ids and values, too."""
    if not rows:
        console.print(Text("there are no dead letters"))
    for row in rows:
        whose = f"  id {row.id}" if show and row.id else ""
        console.print(Text(printable(f"{row.kind}  {row.file}:{row.line}{whose}")), soft_wrap=True)
        value = f"; found {row.value}" if show and row.value else ""
        words = ": ".join(filter(None, (row.field, row.cause if show else row.public_cause)))
        print_hanging(console, printable(words + value), "  ")
    if more:
        console.print(
            Text(f"and {more:,} more: masivo-stream dead-letters --csv -o dead-letters.csv lists all of them")
        )
