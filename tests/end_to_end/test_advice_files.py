"""Advice about exports that are not at the named place: if it is followed, everything arrives once."""

import pytest
from advice_tools import arrived, expect_advice, make_exports, migrate, sending
from end_to_end_tools import run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        ("exprt/*.ndjson", "check the pattern and the working directory", lambda: "export/cust*.ndjson"),
        ("export", 'name the files in it, for example "{…}/*.ndjson"', lambda name: f"{name}/*.ndjson"),
        ("export/customer.ndjson", "check the path and its permissions", lambda: "export/customers.ndjson"),
    ],
)
def test_an_export_is_found_as_its_hint_says(wrong, says, right, served, tmp_path):
    """A pattern, a directory, and a file name."""
    (tmp_path / "export").mkdir()
    make_exports(tmp_path / "export", kinds=["customers"])

    def begin(name):
        return run("migrate", "--customers", name, *sending(served, tmp_path), key=served.key, cwd=tmp_path)

    done = begin(wrong)
    assert (done.returncode, done.stdout) == (5, b"")
    done = begin(right(*expect_advice(done, says)))
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path / "export")


def test_an_export_whose_directory_was_not_named_is_found(served, tmp_path):
    """A pattern is resolved in the working directory, and matches there."""
    make_exports(tmp_path, kinds=["customers"])
    arguments = ["migrate", "--customers", "cust*.ndjson", *sending(served, tmp_path)]
    done = run(*arguments, key=served.key, cwd="/")
    assert done.returncode == 5
    expect_advice(done, "check the pattern and the working directory")
    assert run(*arguments, key=served.key, cwd=tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_a_dry_run_uses_a_directory_of_its_own(served, tmp_path):
    """Its dead letters go to the directory that is named instead. The run's own stay, and nothing is sent twice."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    flags = ["validate", "--customers", tmp_path / "customers.ndjson", "--state-dir"]
    done = run(*flags, tmp_path / "state")
    assert done.returncode == 2
    expect_advice(
        done, ("name another directory with --state-dir for the dead letters of this command; it sends nothing")
    )
    assert run(*flags, tmp_path / "dry").returncode == 0
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)
