"""With the extension that proves lines and without: the same bytes, whatever the files hold."""

import gzip
import io
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from core.adversarial import ROWS
from core.made import as_bytes, valid
from core.odd_lines import mutate, rich

from masivo_stream.core.reading.prover import is_built
from masivo_stream.generate.export import write
from masivo_stream.generate.good_records import records
from masivo_stream.generate.planted_findings import PLANTS, write_planted
from masivo_stream.model.contract import Kind

MOMENT = re.compile(rb'"(?:at|\w*seconds|began|ended|starts_at|started_at|finished_at)": ?("[^"]*"|[0-9.e-]+)')
"""What differs from one run to the next."""

both = pytest.mark.skipif(not is_built(), reason="the extension is not built: there was no C compiler")


def adversarial(kind, end):
    return b"".join(body.replace(b"\n", b" ") + end for of, body, _ in ROWS if of is kind and len(body) < 100_000)


def generated(kind, **shares):
    """Return a generated export: faulty lines, and some to skip."""
    stream = io.BytesIO()
    write(stream, None, kind=kind, count=150, seed=3, **shares)
    return stream.getvalue()


def planted(kind):
    """Return an export that is wrong as a whole in every way."""
    stream, listed = io.BytesIO(), io.BytesIO()
    write_planted(stream, listed, kind=kind, count=200, seed=4, plants=dict.fromkeys(PLANTS, 0.05))
    return stream.getvalue()


def mutated(kind, seed):
    """Return lines with small faults, some of them twice."""
    chance = random.Random(seed)
    right = [*records(kind, count=30, seed=seed), as_bytes(rich(kind)), as_bytes(valid(kind))]
    lines = [mutate(chance, line) if chance.random() < 0.4 else line for line in right * 2]
    chance.shuffle(lines)
    return b"\n".join(lines) + b"\n"


def good(kind, seed):
    """Return the lines of good records, others for each seed."""
    return b"".join(line + b"\n" for line in records(kind, count=40, seed=seed))


def odd_files(kind):
    """Return contents by file name; no file begins as another one does."""
    whole = adversarial(kind, b"\n")
    latin = good(kind, 12).decode().encode("latin-1", "replace")
    return {
        "adversarial.ndjson": whole,
        "crlf.ndjson": good(kind, 0) + adversarial(kind, b"\r\n"),
        "mark.ndjson": b"\xef\xbb\xbf" + good(kind, 1) + whole,
        "packed.ndjson.gz": gzip.compress(good(kind, 2) + whole),
        "packed.ndjson.zst": zstandard.compress(good(kind, 3) + whole),
        "torn.ndjson.gz": gzip.compress(whole)[:-40],
        "unfinished.ndjson": good(kind, 4)[:-9],
        "no-end.ndjson": good(kind, 5)[:-1],
        "blank.ndjson": b"\n \n\t\n" + good(kind, 6).replace(b"\n", b"\n\n"),
        "twice.ndjson": good(kind, 7) * 2,
        "joined.ndjson": good(kind, 8) + b"\xef\xbb\xbf" + good(kind, 9).replace(b"\n", b"\r\n"),
        "nothing.ndjson": b"",
        "faulty.ndjson": generated(kind, rate=0.3),
        "skipped.ndjson": good(kind, 13) if kind is Kind.TRANSACTIONS else generated(kind, skipped=0.3, rate=0.1),
        "planted.ndjson": planted(kind),
        "dates.ndjson": good(kind, 10).replace(b"Z", b"z").replace(b"T", b" "),
        "escaped.ndjson": good(kind, 11).replace(b"a", rb"\u0061"),
        "latin.ndjson": latin + as_bytes(valid(kind)).replace(b'"c"', b'"\xe9"'),
        "wide.ndjson": good(kind, 14).decode().encode("utf-16"),
        "spaced.ndjson": good(kind, 15).replace(b'":', b'" :\t').replace(b",", b" , "),
        **{f"mutated-{seed}.ndjson": mutated(kind, seed) for seed in range(20, 38)},
    }


FLAGS = [(), ("--unknown-fields", "reject"), ("--skip-checks", "all")]


def outcome(command, *arguments):
    """Return what a command writes: exit code, both streams, and every file, without moments."""
    ended = command(*arguments, "--json", "--state-dir", "state")
    files = {path.name: path.read_bytes() for path in sorted(Path("state").rglob("*.ndjson"))}
    shutil.rmtree("state", ignore_errors=True)
    streams = {"out": ended.out.encode(), "err": ended.err.encode()}
    return ended.code, {name: MOMENT.sub(b"", content) for name, content in (streams | files).items()}


ALONE = {"torn.ndjson.gz", "unfinished.ndjson", "wide.ndjson", "nothing.ndjson"}
"""Files that end the command, whatever comes after them, or with which there is nothing to do."""


def batches(names):
    """Yield names of files that one command validates, and its flags."""
    together = [name for name in names if name not in ALONE]
    for number, flags in enumerate(FLAGS):
        yield together[number :: len(FLAGS)], flags
    yield from (([name], ()) for name in sorted(ALONE))


@both
@pytest.mark.slow
@pytest.mark.parametrize("kind", list(Kind))
def test_odd_files_are_validated_alike(command, monkeypatch, kind):
    """Exit code, summary, dead letters, and lists of what is skipped."""
    contents = odd_files(kind)
    for name, content in contents.items():
        Path(name).write_bytes(content)
    for names, flags in batches(contents):
        named = [word for name in names for word in (f"--{kind}", name)]
        found = []
        for pure in ("0", "1"):
            monkeypatch.setenv("MASIVO_PURE_PYTHON", pure)
            found.append(outcome(command, "validate", *named, *flags))
        assert found[0] == found[1], names
        code, _ = found[0]
        assert code == 3 or set(names) <= ALONE, found[0][1]["err"][:300]


@both
@pytest.mark.slow
def test_exports_that_belong_together_are_checked_alike(command, monkeypatch):
    """Findings over all files, the plan, and what of it goes to the dead letters."""
    for kind in Kind:
        Path(f"{kind}.ndjson").write_bytes(planted(kind))
    named = [word for kind in Kind for word in (f"--{kind}", f"{kind}.ndjson")]
    for name in ("validate", "plan"):
        found = []
        for pure in ("0", "1"):
            monkeypatch.setenv("MASIVO_PURE_PYTHON", pure)
            found.append(outcome(command, name, *named))
        assert found[0] == found[1]
        assert found[0][0] == 3


@pytest.mark.parametrize("there", ["None", "SimpleNamespace(Prover=None)"], ids=["none", "of before"])
def test_it_works_without_the_extensions(there, tmp_path):
    """There was no compiler; or a checkout was updated, and its extensions are those of before. They are not used."""
    script = (
        "import sys; from types import SimpleNamespace\n"
        f"for name in ('_prover', '_memory'): sys.modules[f'masivo_stream.core.reading.{{name}}'] = {there}\n"
        "from masivo_stream.cli.main import run; sys.exit(run(['validate', '--customers', sys.argv[1]]))"
    )
    export = tmp_path / "customers.ndjson"
    export.write_bytes(generated(Kind.CUSTOMERS))
    done = subprocess.run([sys.executable, "-c", script, export], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_says_which_validator_is_at_work(command, monkeypatch):
    """Asked for details; the environment's word counts, and a slip in it is named."""
    plain = command("--version").out.strip()
    for words in (("--version", "-v"), ("-v", "--version"), ("--version", "--verbose")):
        shown = command(*words).out
        assert shown.startswith(f"{plain}\nPython 3.")
        assert ("\nvalidator: msgspec " in shown, "extension in C that proves" in shown) == (True, is_built())
    monkeypatch.setenv("MASIVO_PURE_PYTHON", "1")
    shown = command("--version", "-v").out
    assert ("alone: pure_python is set" in shown, "none at work" in shown) == (is_built(), is_built())
    monkeypatch.setenv("MASIVO_PURE_PYTHON", "perhaps")
    assert command("--version", "-v").code == 2


def test_a_file_may_turn_it_off(command, customers):
    """It is a setting like any other."""
    Path("config.toml").write_text("[source]\npure_python = true\n")
    assert command("validate", "--customers", customers, "--config", "config.toml").code == 0
