"""The bench's table: its figures, its width, its explanation, and no text from outside that a terminal would obey."""

import io

from bench_findings import made, run
from rich.console import Console

from masivo_stream.observe.bench_table import print_bench


def shown(value, *, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, highlight=False, color_system=None)
    print_bench(console, value)
    return console.file.getvalue()


def rows(text):
    """Return the cells of each line."""
    return [line.replace("│", " ").split() for line in text.splitlines()]


def test_the_table_shows_each_stage():
    """Speed and its range, items, CPU, memory; requests for the stage that sends."""
    found = rows(shown(made()))
    assert ["validate", "2.5", "1.2-5.0", "10,000", "1.00", "50"] in found
    assert ["send,", "16", "uploaders", "2.5", "1.2-5.0", "10,000", "1.00", "50", "10.0"] in found
    assert "events: 1,000 records, 20,000 items, 5.0 MB" in shown(made())


def test_the_table_fits_a_terminal():
    """A row fits one line of eighty columns, also with large figures."""
    fast = made((run(0.005), run(0.01), run(0.02)))
    assert max(len(line) for line in shown(fast).splitlines()) <= 80
    assert any("send, 16 uploaders" in line and "2,000,000" in line for line in shown(fast).splitlines())


def test_the_table_explains_its_figures():
    """It names the sink, and how often each case was measured; one round has no range."""
    assert "3 times, in turn" in shown(made())
    assert "a null sink" in shown(made(), width=500)
    assert "to http://127.0.0.1:1." in shown(made(target="http://127.0.0.1:1"), width=500)
    once = shown(made((run(2.0),)))
    assert "Each case was measured once." in once
    assert ["validate", "2.5", "10,000", "1.00", "50"] in rows(once)


def test_a_busy_sink_is_reported():
    """If the sink was always busy, it may be the bottleneck."""
    assert "The sink" not in shown(made())
    assert "busy for 90% of the time" in shown(made((run(1.0, sink_cpu_seconds=0.9),)), width=500)


def test_no_foreign_escape_reaches_the_terminal():
    """Escapes in a target are shown, not obeyed, and its markup has no effect."""
    text = shown(made(target="http://[bold]x[/bold]\x1b[31m"), width=500)
    assert "[bold]x[/bold]" in text
    assert "\x1b" not in text
