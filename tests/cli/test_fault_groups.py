"""Dead letters in groups, by the installed commands: what is said adds up with the file, and quotes no record."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from masivo_stream.model.reason import Reason

KINDS = ("customers", "events", "transactions")


@pytest.fixture
def broken(command, tmp_path):
    """Return flags that name three exports with many faults: those of `generate`, and more on the same lines."""
    for kind in KINDS:
        command("generate", kind, "--records", 400, "--seed", 9, "--invalid", "0.3", "-o", f"{kind}.ndjson")
    lines = Path("customers.ndjson").read_bytes().splitlines(keepends=True)
    worse = [line.replace(b'"registration_date":"', b'"registration_date":"x') for line in lines[::5]]
    lines[::5] = worse
    Path("customers.ndjson").write_bytes(b"".join(lines))
    return [word for kind in KINDS for word in (f"--{kind}", f"{kind}.ndjson")]


def counted(state):
    """Count the groups of the dead-letter files by other means."""
    groups, places = Counter(), {}
    for kind in KINDS:
        for line in Path(state, f"dead-letter.{kind}.ndjson").read_bytes().splitlines():
            letter = json.loads(line)
            for reason, field in {(fault["reason"], re.sub(r"\d+", "", fault["field"])) for fault in letter["faults"]}:
                groups[kind, reason, field] += 1
                places.setdefault((kind, reason, field), f"{letter['file']}:{letter['line']}")
    return groups, places


def test_groups_add_up_with_the_file(command, broken):
    """Of `validate`, for every kind and reason; the first fault is that of the dead letter."""
    done = command("validate", *broken, "--state-dir", "dry", "--json", "--quiet")
    assert done.code == 3
    groups, places = counted("dry")
    found = json.loads(done.out)["fault_groups"]
    told = Counter()
    for group in found["listed"]:
        told[group["kind"], group["reason"], group["field"]] += group["records"]
    own = {key: count for key, count in groups.items() if "…" not in key[2]}
    assert {key: told[key] for key in own} == own
    assert found["left_out"] == 0
    assert any(sum(letters.values()) > found["dead_letters"][kind] for kind, letters in by_kind(told).items())
    firsts = {(group["kind"], group["reason"], group["field"]): group for group in reversed(found["listed"])}
    assert any(f"{group['file']}:{group['line']}" == places[key] for key, group in firsts.items())
    for line in Path("dry/dead-letter.customers.ndjson").read_bytes().splitlines():
        letter = json.loads(line)
        first = letter["faults"][0]
        assert (first["reason"], first["field"], first["message"]) == (
            letter["reason"],
            letter["field"],
            letter["message"],
        )


def by_kind(told):
    kinds = {}
    for (kind, reason, field), count in told.items():
        kinds.setdefault(kind, Counter())[reason, field] = count
    return kinds


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_nothing_of_a_record(command, broken, monkeypatch, columns):
    """No name, email or id of a dead letter, and no line that is too wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = [command(*words, *broken, "--state-dir", "dry") for words in (("validate", "--quiet"), ("plan", "--quiet"))]
    quoted = set()
    for line in Path("dry/dead-letter.customers.ndjson").read_bytes().splitlines():
        letter = json.loads(line)
        quoted |= set(re.findall(r'"(?:id|email|name)": ?"([^"]{5,})"', letter.get("raw", "")))
    assert len(quoted) > 50
    for done in shown:
        assert done.code == 3
        assert not [text for text in quoted if text in done.out]
        assert "a record with several faults is in several groups" in " ".join(done.out.split())
        assert all(len(line) <= columns for line in done.out.splitlines())


def test_plan_and_validate_show_the_same_groups(command, broken):
    """And so does a second `validate`, with another number of processes."""
    validated = [
        json.loads(command("validate", *broken, "--state-dir", f"dry{number}", "--json", "--quiet", *workers).out)
        for number, workers in enumerate(([], ["--workers", 1], ["--workers", 2]))
    ]
    planned = json.loads(command("plan", *broken, "--state-dir", "dry", "--json", "--quiet").out)["summary"]
    assert all(each["fault_groups"] == planned["fault_groups"] for each in validated)
    assert {Reason(group["reason"]) for group in planned["fault_groups"]["listed"]} > {Reason.INVALID_VALUE}
