"""What a storm did and found, as values and as a table."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

from end_to_end_tools import KINDS
from storm_laws import Finding

WAYS = {"KILL": 70, "TERM": 10, "INT": 8, "INT INT": 7, "left": 5}
"""Ways to end a process, and how often in a hundred; a process that is left alone may be ended a while later."""


@dataclass
class Report:
    """What a storm did, and what it found."""

    seed: int
    client: str
    faults: list[str]
    kills: Counter = field(default_factory=Counter)
    """By place (start, a kind, the wait after it) and way."""
    moves: Counter = field(default_factory=Counter)
    """What happened between two processes."""
    exits: Counter = field(default_factory=Counter)
    requests: dict = field(default_factory=dict)
    doubts: Counter = field(default_factory=Counter)
    """Batches in doubt by kind, and whether a process was killed during them."""
    innocent: Counter = field(default_factory=Counter)
    storage: Counter = field(default_factory=Counter)
    """What object storage answered, and what it suffered, if the exports are there."""
    figures: dict = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0


def count_deaths(journal):
    """Count batches in doubt by kind, and by whether a process was killed during them."""
    with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT kind, why FROM batches WHERE state = 'in_doubt'").fetchall()
    return Counter((kind, "killed" if "ended while" in why else "answer") for kind, why in rows)


def render(report):
    """Return the report as a short table."""
    ways = [way for way in WAYS if way != "left"]
    rows = [f"{'kills':20}" + "".join(f"{way:>9}" for way in (*ways, "all"))]
    for place in ("start", *(f"{when}{kind}" for kind in KINDS for when in ("", "after ")), "all"):
        counts = [_kills(report, place, way) for way in ways]
        rows.append(f"{place:20}" + "".join(f"{count:>9}" for count in (*counts, sum(counts))))
    rows.append("requests            " + ", ".join(f"{target} {count}" for target, count in report.requests.items()))
    rows.append("exits               " + ", ".join(f"{code}: {n}" for code, n in sorted(report.exits.items())))
    rows.append(f"moves               {', '.join(f'{move} {n}' for move, n in report.moves.items()) or 'none'}")
    if report.storage:
        rows.append("object storage      " + ", ".join(f"{what} {n}" for what, n in sorted(report.storage.items())))
    for kind, told in report.figures.items():
        names = ("read", "accepted", "dead", "skipped", "in_doubt", "items_accepted", "items_in_doubt")
        rows.append(f"{kind:20}" + ", ".join(f"{name} {told[name]}" for name in names))
    doubts = ", ".join(f"{kind} {why} {n}" for (kind, why), n in sorted(report.doubts.items()))
    rows.append(f"batches in doubt    {doubts or 'none'}")
    innocent = ", ".join(f"{kind} {reason} {n}" for (kind, reason), n in sorted(report.innocent.items()))
    rows.append(f"good, but dead      {innocent or 'none'}")
    laws = Counter(finding.law for finding in report.findings)
    rows.append(f"result              {', '.join(f'{law}: {n}' for law, n in laws.items()) or 'all laws kept'}")
    rows += [f"  {finding}"[:600] for finding in report.findings[:20]]
    rows.append(f"{report.client}, --seed {report.seed}, {report.kills.total()} kills, {report.seconds:.0f} s")
    return "\n".join(rows)


def _kills(report, place, way):
    return sum(n for (where, how), n in report.kills.items() if how == way and place in (where, "all"))
