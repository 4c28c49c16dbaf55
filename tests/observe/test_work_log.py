"""Work that sends nothing, where no terminal is: a log line after ten seconds, then one a minute."""

from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.notices import MinutePassed, WorkProgressed
from masivo_stream.observe.work_log import WorkLog


class Lines:
    """Keeps lines."""

    def __init__(self):
        self.lines = []

    def debug(self, event, **fields):
        raise AssertionError

    warning = debug

    def info(self, event, **fields):
        self.lines.append((event, fields))


def test_a_line_now_and_then():
    """Nothing of what is quick; then share and time left, of whichever step it is."""
    clock, lines = FakeClock(), Lines()
    log = WorkLog(lines, clock)
    for second in range(135):
        step, done = ("looking for the cause", second) if second < 30 else ("correcting the dead letters", second - 30)
        log.notify(WorkProgressed(step=step, done=done, of=1000 if second < 100 else 0, unit="bytes"))
        log.notify(MinutePassed())
        clock.advance(1)
    first, second, third = lines.lines
    common = {"unit": "bytes"}
    assert first == ("work", common | {"step": "looking for the cause", "done": 10, "of": 1000, "seconds_left": 990})
    step = {"step": "correcting the dead letters"}
    assert second == ("work", common | step | {"done": 40, "of": 1000, "seconds_left": 960})
    assert third == ("work", common | step | {"done": 100, "of": None, "seconds_left": None})
