"""What is in doubt, for people: batch by batch, with what reading back tells and what may follow."""

from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.resolution import Evidence, InDoubtBatch, Resolution, Verdict

_SAYINGS = {
    Verdict.PRESENT: "all {found} records looked at are there: it was applied; --accept it",
    Verdict.PARTLY: "{found} of {looked_at} records looked at are there: wait and look again, or look all of them up",
    Verdict.LIKELY: "metrics of {found} of {looked_at} customers were recalculated since, by these events or by others",
    Verdict.ABSENT: "nothing shows of {looked_at} records looked at: no proof, but hours later a hint",
    Verdict.UNKNOWN: "nothing could be read back that tells anything: look it up in the account",
}


def print_resolution(console: Console, found: Resolution) -> None:
    """Print what was decided, and what is in doubt still."""
    for what, batches in (
        ("accepted", found.accepted),
        ("discarded", found.discarded),
        ("sent again, and accepted", found.resent),
    ):
        for batch in batches:
            console.print(Text(f"{batch}: {what}"))
    for doubt in found.in_doubt:
        _print_doubt(console, doubt)
    if not found.in_doubt:
        console.print(Text("nothing is in doubt"))
        return
    console.print(Text("decide with --accept, --discard or --resend and the id (or its beginning), or all"))


def _print_doubt(console: Console, doubt: InDoubtBatch) -> None:
    attempts = f", {doubt.attempts} attempts" if doubt.attempts > 1 else ""
    size = f"{doubt.records:,} records, {doubt.items:,} items"
    console.print(Text(f"{doubt.batch}  {doubt.kind}, {size}, sent {doubt.sent_at}{attempts}"))
    console.print(Text(f"  why: {printable(doubt.why)}"))
    for file, first, last in doubt.places:
        console.print(Text(f"  {printable(file)}, lines {first} to {last}"))
    console.print(Text(f"  evidence: {_say(doubt.evidence)}"))


def _say(evidence: Evidence) -> str:
    return _SAYINGS[evidence.verdict].format(found=evidence.found, looked_at=evidence.looked_at)
