"""For tests of what people see."""

import time

import pytest


@pytest.fixture
def central_european_time(monkeypatch):
    """The machine's clock shows CET, without daylight saving."""
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
