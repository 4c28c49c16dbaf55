"""Run what a page of the documentation says, from top to bottom, as a reader would.

* `sh`: commands that must succeed.
* `console`: commands after `$ ` (`> ` continues a command) and what they print on standard output. `…` within a line
  stands for anything, alone on a line for any lines. Exit codes are shown by `$ echo $?`.
* `python`: a program, kept as `example.py` for the console to run.
* A block with the word `unrun` after its language, as in `sh unrun`, is not run: it needs what is not here.

A whole page is one shell, so variables and background jobs stay; the jobs end with the shell.
"""

import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

from end_to_end_tools import clean_environment, shell_path

DOCS = Path(__file__).parent.parent / "docs"
LANGUAGES = {"sh", "console", "python", "json", "sql", "toml", "text", ""}
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BEGIN, _END = "\x1e", "\x1f"


class Step(NamedTuple):
    """One command, and what it must print; None if it only has to succeed."""

    command: str
    output: str | None


def blocks(page):
    """Yield the words after the fence and the text of each block of a page."""
    for match in _BLOCK.finditer(page):
        yield match[1].split(), match[2]


def steps(page):
    """Yield the steps of a page."""
    for words, text in blocks(page):
        match words:
            case ["sh"]:
                yield Step(text, None)
            case ["python"]:
                yield Step(f"cat > example.py <<'END OF THE EXAMPLE'\n{text}END OF THE EXAMPLE", None)
            case ["console"]:
                yield from _console(text)


def _console(text):
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines()
        more = []
        while rest and rest[0].startswith("> "):
            more.append(rest.pop(0)[2:])
        yield Step("\n".join([first, *more]), "\n".join(rest))


_END_JOBS = """
exec 2>/dev/null
kill $(jobs -p)
for i in {1..50}; do [ "$(jobs -pr)" ] || break; sleep 0.1; done
kill -9 $(jobs -pr)
"""
"""What ends the servers of a page. A Dask worker whose scheduler ends with it may not end by itself: its output would
stay open, and the test would wait for its end."""


def run_page(page, directory, **variables):
    """Run all steps in one shell, with variables; yield each with its exit code and what it printed."""
    planned = list(steps(page))
    script = [f"trap '{_END_JOBS}' EXIT"]
    for step in planned:
        script += [f"printf '{_BEGIN}'; (exit ${{status:-0}})", step.command]
        script += [f"status=$?; printf '{_END}%s' $status"]
    quick = {"MASIVO_FIRST_PROBE": "0.1", "MASIVO_EVENTS_SETTLE": "1", "MASIVO_SAMPLE": "3", "COLUMNS": "100"}
    environment = clean_environment(
        PATH=shell_path(), XDG_STATE_HOME=str(directory / "shared"), HOME=str(directory), **quick, **variables
    )
    ran = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=directory, env=environment, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    told = re.findall(f"{_BEGIN}([^{_BEGIN}]*?){_END}(\\d+)", ran.stdout)
    assert len(told) == len(planned), ran.stderr
    for step, (output, code) in zip(planned, told, strict=True):
        yield step, int(code), output, ran.stderr


def looks_like(expected, printed):
    """Return whether what was printed is what a page shows."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in printed.splitlines())) is not None


def commands(page):
    """Yield every `masivo-stream` command a page shows to a shell, as words."""
    for words, text in blocks(page):
        if words[:1] in (["sh"], ["console"]):
            lines = text.replace("\\\n", " ").replace("\n> ", " ").splitlines()
            for line in lines:
                bare = line.removeprefix("$ ").strip()
                if bare.startswith("masivo-stream ") and (words[0] == "sh" or line.startswith("$ ")):
                    yield shlex.split(bare, comments=True)
