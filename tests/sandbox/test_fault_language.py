import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.sandbox import FAULT_NAMES, parse_fault
from masivo_stream.sandbox.fault_forms import FORMS, describe_faults
from masivo_stream.sandbox.fault_types import (
    MIGRATE,
    BadToken,
    CallTarget,
    CutPoint,
    Delay,
    DelayPlace,
    Drip,
    Fault,
    Hang,
    Late,
    Redirect,
    Reset,
    StatusFault,
)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (
            "status=503,applied=yes,rate=0.1,on=events",
            Fault(behaviour=StatusFault(code=503, applied=True), rate=0.1, on=frozenset({CallTarget.EVENTS})),
        ),
        ("status=503,retry_after=7", Fault(behaviour=StatusFault(code=503, retry_after="7"))),
        ("throttle", Fault(behaviour=StatusFault(code=429, retry_after="abc"))),
        ("throttle,retry_after=", Fault(behaviour=StatusFault(code=429, retry_after=""))),
        ("reset,when=mid,at=3", Fault(behaviour=Reset(when=CutPoint.MID), at=3)),
        ("hang=30,applied=yes,on=all", Fault(behaviour=Hang(seconds=30, applied=True), on=frozenset(CallTarget))),
        (
            "delay=0.5, jitter=.25, where=answer",
            Fault(behaviour=Delay(seconds=0.5, jitter=0.25, where=DelayPlace.ANSWER)),
        ),
        ("drip", Fault(behaviour=Drip(seconds=30))),
        ("redirect=307,to=http://x.test/", Fault(behaviour=Redirect(code=307, to="http://x.test"))),
        ("late=60,times=2", Fault(behaviour=Late(seconds=60), times=2)),
        ("badtoken", Fault(behaviour=BadToken(), on=frozenset({CallTarget.AUTH}))),
        ("vague,on=migrate", Fault(behaviour=parse_fault("vague").behaviour, on=MIGRATE)),
    ],
)
def test_a_spec_becomes_a_value(spec, fault):
    """Each part of the grammar has its place in the value."""
    assert parse_fault(spec) == fault


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("statsu=503", 'did you mean "status"'),
        ("", "the faults are status"),
        ("status=503,aplied=yes", 'did you mean "applied"'),
        ("vague,applied=yes", '"applied" is not one of its options'),
        ("empty=5", '"empty" is not one of its options'),
        ("status=503,on=event", 'did you mean "events"'),
        ("status=503,applied=maybe", "applied must be one of yes, no"),
        ("status", "needs status=CODE"),
        ("status=99", "200 to 599"),
        ("status=abc", "200 to 599"),
        ("redirect=302", "needs to="),
        ("delay=-1", "must be a number"),
        ("delay", "must be a number"),
        ("late=soon", "must be a number"),
        ("reset,rate=2", "up to 1"),
        ("reset,rate=nan", "must be a number"),
        ("reset,times=0", "whole number from 1"),
        ("reset,at=1,at=2", "second of its name"),
        ("reset,when", "not an OPTION=VALUE"),
    ],
)
def test_a_wrong_spec_is_refused_with_the_right_one(spec, says):
    """An unknown name, option or value is refused, and the most similar right one is named."""
    with pytest.raises(ValueError, match=says):
        parse_fault(spec)


@given(st.lists(st.one_of(st.sampled_from([*FAULT_NAMES, "on=all", "rate=0.5", "=", ""]), st.text()), max_size=4))
def test_any_text_is_a_fault_or_a_value_error(parts):
    """The parser raises no other error."""
    with contextlib.suppress(ValueError):
        parse_fault(",".join(parts))


VALUES = {
    "applied": "yes",
    "retry_after": "7",
    "body": "text",
    "type": "text/plain",
    "server": "s",
    "ray": "r",
    "when": "mid",
    "jitter": "1",
    "where": "answer",
    "to": "http://x.test",
    "by": "id",
    "code": "403",
}
"""A value of each option that only some faults have."""
NEEDED = {"status": "=503", "delay": "=1", "redirect": "=302,to=http://x.test", "shape": "=text", "late": "=1"}
NEEDED |= {"compress": "=gzip", "firewall": "=x"}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_fault_takes_the_options_that_are_listed(form):
    """And no other: `sandbox --help` and the page show the list."""
    spec = form.name + NEEDED.get(form.name, "")
    taken = set()
    for option, value in VALUES.items():
        with contextlib.suppress(ValueError):
            parse_fault(spec if f"{option}=" in spec else f"{spec},{option}={value}")
            taken.add(option)
    assert taken == {option.partition("=")[0] for option in form.options}
    if "[=" not in form.form and "=" in form.form:
        with pytest.raises(ValueError, match=form.name):
            parse_fault(form.name)


def test_no_line_of_the_list_is_wider_than_the_terminal():
    """At any width that help is written for."""
    for width in (60, 80, 100):
        assert max(map(len, describe_faults(width).splitlines())) <= width
