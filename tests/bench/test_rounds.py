"""The rounds: which cases there are, and what is asked of whoever measures them."""

import pytest

from masivo_stream.bench.rounds import describe_machine, find_cases
from masivo_stream.model.bench import Stage
from masivo_stream.model.contract import Kind


def test_each_kind_goes_through_each_stage():
    """In the order in which the stages build on one another; only what is sent varies the uploaders."""
    cases = find_cases([Kind.CUSTOMERS, Kind.EVENTS], {"uploaders": [1, 4]})
    labels = ["decode", "validate", "pack", "send, 1 uploader", "send, 4 uploaders"]
    assert [(case.kind, case.label) for case in cases] == [
        (kind, label) for kind in (Kind.CUSTOMERS, Kind.EVENTS) for label in labels
    ]


def test_settings_are_combined():
    """Of several settings, each value of one is measured with each of the others."""
    cases = find_cases([Kind.EVENTS], {"uploaders": [1, 4], "workers": [1, 2]})
    assert [case.settings for case in cases if case.stage is Stage.SEND] == [
        {"workers": 1, "uploaders": 1},
        {"workers": 1, "uploaders": 4},
        {"workers": 2, "uploaders": 1},
        {"workers": 2, "uploaders": 4},
    ]
    assert [case.settings for case in cases if case.stage is Stage.VALIDATE] == [{"workers": 1}, {"workers": 2}]


@pytest.mark.parametrize("field", ["cpu", "cores", "system", "python", "version"])
def test_the_machine_is_described(field):
    """Whatever the system, each fact has a value."""
    assert getattr(describe_machine(), field)
