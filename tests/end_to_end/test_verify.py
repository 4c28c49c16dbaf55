"""The installed command reads back what it has sent."""

import json

import pytest
from end_to_end_tools import KINDS, run, serving


def verify(served, directory, *arguments):
    sending = ["--base-url", served.url, "--state-dir", directory / "state"]
    wide = {"COLUMNS": "300"}  # where a line ends must not depend on the length of the directory's name
    quick = {"MASIVO_FIRST_PROBE": "0.1", "MASIVO_EVENTS_SETTLE": "0.5"}
    return run("verify", *sending, *arguments, key=served.key, **quick, **wide)


def test_records_that_arrived_are_confirmed(served, export):
    """A sample of each kind, as one JSON document. A wrong number is refused before any request."""
    directory = export(50)
    assert served.migrate(directory).returncode == 0
    done = verify(served, directory, "--sample", 5, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["exit_code"], found["findings"]) == (0, 0, []), done.stderr
    assert {kind: found["kinds"][kind]["confirmed"] for kind in KINDS} == dict.fromkeys(KINDS, 5)
    for wrong in (("--sample", 0), ("--sample", 5, "--all")):
        assert verify(served, directory, *wrong).returncode == 2
    assert verify(served, directory / "nowhere").returncode == 2


def test_records_that_did_not_arrive_are_shown_with_their_places(tmp_path, export):
    """It is shown in a table for people; the command ends with 3."""
    directory = export(40, kinds=("customers",))
    faults = ("--fault", "spoil=2,on=customers", "--fault", "lose,on=customers")
    with serving(tmp_path, "--limits", "none", *faults) as served:
        assert served.migrate(directory).returncode == 0
        done = verify(served, directory, "--all", "--visible-timeout", 0.1)
    assert done.returncode == 3
    shown = done.stdout.decode()
    export_path = directory / "customers.ndjson"
    assert f"customers: {export_path}:1 is missing" in shown
    assert f"customers: {export_path}:2 is different: wallet" in shown
    assert "NOT all confirmed: 38 of the 40 records checked" in shown


@pytest.mark.parametrize("more", [b'{"id": "half', b'{"id": 5}\n'])
def test_appended_records_are_not_read_back(served, tmp_path, export, more):
    """Half a line, or whole ones: the run has not read them."""
    directory = export(20, kinds=["customers"])
    assert served.migrate(directory).returncode == 0
    with (directory / "customers.ndjson").open("ab") as file:
        file.write(more)
    done = run(
        "verify", "--all", "--base-url", served.url, "--state-dir", directory / "state", "--json", key=served.key
    )
    assert done.returncode == 0, done.stderr
