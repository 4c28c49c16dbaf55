"""Look at lines one by one, with the checks that need no other line."""

from datetime import UTC, datetime

from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.look_at_lines import LineChecks

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)


def collect(kind, bodies, left_out=(), most=3):
    """Return what the checks find, line 1 being the first of `bodies`."""
    collector = Collector(most)
    checks = LineChecks(collector, NOW, left_out)
    for number, body in enumerate(bodies, 1):
        assert checks.read(kind, body, (number, number * 10, len(body))) is not None
    checks.finish()
    return collector


def look(kind, bodies, left_out=()):
    """Return the checks that find something, with the fields in which they do, and how often."""
    found = collect(kind, bodies, left_out)
    return {(check.value, each.field): each.records for check in found.counts for each in found.fields(check)}
