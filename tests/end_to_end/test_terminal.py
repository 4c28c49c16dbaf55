"""What a person sees: `demo` on a terminal of 80 columns, read from a terminal in memory."""

import importlib.util
from pathlib import Path

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures" / "make.py"


def pictures():
    """Return the module that makes the README's pictures."""
    spec = importlib.util.spec_from_file_location("pictures", PICTURES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_terminal_shows_each_kind_and_then_the_summary(tmp_path):
    """One line per kind while it works. At the end the changing part is gone, and the summary is printed."""
    made = pictures()
    command = [str(made.COMMAND), "demo", "--records", "300", "--directory", str(tmp_path)]
    seen = set()
    for screen in made.frames(command, columns=80, lines=60, step=128):
        rows = [row.rstrip() for row in screen.display]
        seen.update(" ".join(row.split()[:2]) for row in rows if row)
    assert {"kind requests", "customers done", "transactions not"} <= seen
    assert not any(row.split() == ["kind", "requests", "accepted", "dead", "in", "doubt"] for row in rows)
    assert any("complete" in row for row in rows)
