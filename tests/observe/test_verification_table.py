import io

import pytest
from hostile import HOSTILE
from rich.console import Console

from masivo_stream.model.contract import Kind
from masivo_stream.model.verification import Finding, KindVerified, Seen, Verification, Verified
from masivo_stream.observe.verification_table import MOST_PLACES, print_sample, print_verification


def shown(found):
    output = io.StringIO()
    print_verification(Console(file=output, width=200), found)
    return output.getvalue()


def finding(line, seen=Seen.MISSING, **more):
    return Finding(kind=Kind.CUSTOMERS, file="c.ndjson", line=line, seen=seen, **more)


def test_unconfirmed_records_are_shown_with_their_places():
    """With the difference; of many places, the first ones and the number of the others."""
    counted = KindVerified(looked_at=1_050, confirmed=1_000, missing=49, different=1, untold=7, requests=1_060)
    places = (finding(1, Seen.DIFFERENT, what=("wallet", "email")), *map(finding, range(2, 26)))
    said = shown(
        Verification(exit_code=3, kinds={"customers": counted}, findings=places, findings_left_out=25, left_out=("-",))
    )
    assert "customers: c.ndjson:1 is different: wallet, email\n" in said
    assert said.count("is missing\n") == MOST_PLACES - 1
    assert "and 30 more places\n" in said
    assert "customers: 7 cannot be checked by reading back\n" in said
    assert "- came from a pipe" in said
    assert "NOT all confirmed: 1,000 of the 1,050 records checked, in 1,060 requests\n" in said


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Verification(exit_code=0, kinds={}), "nothing to check"),
        (
            Verification(exit_code=0, kinds={"events": KindVerified(looked_at=2, confirmed=2, requests=3)}),
            "all 2 records",
        ),
        (Verification(exit_code=7, kinds={}, message="no", hint="look"), "ended early: no\n  hint: look\n"),
    ],
)
def test_the_result_is_one_line(found, says):
    """In one line, with the hint if there is one."""
    assert says in shown(found)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_name_controls_the_terminal(name):
    """The name of a file is shown, not obeyed."""
    counted = {"customers": KindVerified(looked_at=1, missing=1)}
    place = Finding(kind=Kind.CUSTOMERS, file=name, line=1, seen=Seen.MISSING)
    said = shown(Verification(exit_code=3, kinds=counted, findings=(place,), left_out=(name,), message=name))
    assert all(character.isprintable() for character in said.replace("\n", ""))
    assert len(said.splitlines()) == 7


def test_a_sample_is_shown_in_one_line():
    """With the places that are not confirmed, and what to do next."""
    output = io.StringIO()
    console = Console(file=output, width=200)
    print_sample(console, Verified(kinds={"customers": KindVerified(looked_at=3, confirmed=3, requests=3)}))
    assert output.getvalue() == "read back: 3 of 3 records confirmed, in 3 requests\n"
    counted = {"customers": KindVerified(looked_at=3, confirmed=2, missing=1, requests=9)}
    print_sample(console, Verified(kinds=counted, findings=(finding(8),), message="late"))
    said = output.getvalue().splitlines()[1:]
    assert said[0] == "read back: 2 of 3 records confirmed, in 9 requests; ended early: late"
    assert said[1] == "customers: c.ndjson:8 is missing"
    assert "masivo-stream verify" in said[2]
