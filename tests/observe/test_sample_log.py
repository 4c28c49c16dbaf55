import pytest

from masivo_stream.model.notices import AccountShared, RunEnded
from masivo_stream.model.summary import Summary
from masivo_stream.model.verification import KindVerified, Verified
from masivo_stream.observe.log_observer import SampleLog


class Lines:
    """Remembers what is logged."""

    def __init__(self):
        self.written = []

    def info(self, event, **fields):
        self.written.append(("info", event, fields))

    def warning(self, event, **fields):
        self.written.append(("warning", event, fields))


def ended(**verified):
    return RunEnded(summary=Summary(outcome="complete", exit_code=0, kinds={}, closes=True, **verified))


@pytest.mark.parametrize(
    ("counts", "why", "level"), [({"confirmed": 3}, "", "info"), ({"missing": 3}, "", "warning"), ({}, "no", "warning")]
)
def test_the_sample_is_one_line(counts, why, level):
    """The line is a warning if a record is not confirmed."""
    lines = Lines()
    kinds = {"events": KindVerified(looked_at=3, requests=4, **counts), "customers": KindVerified(requests=1)}
    SampleLog(lines).notify(ended(verified=Verified(kinds=kinds, message=why)))
    ((written, event, fields),) = lines.written
    assert (written, event, fields["requests"], fields.get("why", "")) == (level, "sample_read_back", 5, why)


def test_there_is_no_line_without_a_sample():
    """There is no line if no record was checked, or for other notices."""
    lines = Lines()
    for notice in (ended(), AccountShared()):
        SampleLog(lines).notify(notice)
    assert lines.written == []
