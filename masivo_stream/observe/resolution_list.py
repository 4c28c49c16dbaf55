"""Print the batches in doubt: for each one where its records are, what reading back shows, and what to do."""

from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.resolution import Evidence, InDoubtBatch, Resolution, Verdict
from masivo_stream.observe.hanging_text import print_hanging

_EVIDENCE = {
    Verdict.PRESENT: "all {found} records checked are in the account: the batch was applied; use --accept",
    Verdict.PARTLY: "{found} of {looked_at} records checked are in the account: wait and check again, or look up all",
    Verdict.LIKELY: (
        "since then, these or other events changed the metrics of {found} of {looked_at} customers: it was probably"
        " applied; look two or three of them up in the account, then use --accept; --resend would count them twice"
    ),
    Verdict.ABSENT: "none of {looked_at} records checked is in the account: after hours, a sign that it did not arrive",
    Verdict.UNKNOWN: "nothing that was read back is evidence: look up the batch in the account",
}


def print_resolution(console: Console, found: Resolution) -> None:
    """Print what was decided, and what is still in doubt."""
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
    console.print(Text("decide with --accept, --discard or --resend and a batch's id (or its beginning), or all"))


def _print_doubt(console: Console, doubt: InDoubtBatch) -> None:
    attempts = f", {doubt.attempts} attempts" if doubt.attempts > 1 else ""
    size = f"{doubt.records:,} records, {doubt.items:,} items"
    console.print(Text(f"{doubt.batch}  {doubt.kind}, {size}, sent {doubt.sent_at}{attempts}"))
    console.print(Text(f"  why: {printable(doubt.why)}"))
    for file, first, last in doubt.places:
        console.print(Text(f"  {printable(file)}, lines {first} to {last}"))
    print_hanging(console, _explain(doubt.evidence), "  evidence: ")


def _explain(evidence: Evidence) -> str:
    return _EVIDENCE[evidence.verdict].format(found=evidence.found, looked_at=evidence.looked_at)
