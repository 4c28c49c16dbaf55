"""The rounds: which cases there are, and which jobs the measurer gets."""

import pytest

from masivo_stream.bench.rounds import describe_machine, find_cases
from masivo_stream.model.bench_result import Stage
from masivo_stream.model.contract import Kind


def test_each_kind_goes_through_each_stage():
    """In the order of the stages; only the stage that sends varies the uploaders."""
    cases = find_cases([Kind.CUSTOMERS, Kind.EVENTS], {"uploaders": [1, 4]})
    labels = ["decode", "validate", "pack", "send, 1 uploader", "send, 4 uploaders"]
    assert [(case.kind, case.label) for case in cases] == [
        (kind, label) for kind in (Kind.CUSTOMERS, Kind.EVENTS) for label in labels
    ]


def test_settings_are_combined():
    """Each value of one setting is measured with each value of the others."""
    cases = find_cases([Kind.EVENTS], {"uploaders": [1, 4], "workers": [1, 2]})
    assert [case.settings for case in cases if case.stage is Stage.SEND] == [
        {"workers": 1, "uploaders": 1},
        {"workers": 1, "uploaders": 4},
        {"workers": 2, "uploaders": 1},
        {"workers": 2, "uploaders": 4},
    ]
    assert [case.settings for case in cases if case.stage is Stage.VALIDATE] == [{"workers": 1}, {"workers": 2}]


def test_validation_is_measured_with_the_extension_and_without():
    """Other stages have it, if there is one."""
    cases = find_cases([Kind.EVENTS], {"uploaders": [1], "pure_python": [0, 1]})
    labels = ["decode", "validate", "validate, msgspec alone", "pack", "send, 1 uploader"]
    assert [case.label for case in cases] == labels


@pytest.mark.parametrize("field", ["cpu", "cores", "system", "python", "version", "validator"])
def test_the_machine_is_described(field):
    """On any system, each fact has a value."""
    assert getattr(describe_machine(), field)
