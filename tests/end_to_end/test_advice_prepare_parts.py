"""Advice about preparing in parts: if followed, the parts are taken up."""

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from advice_tools import expect_advice, paste, read_advice
from end_to_end_tools import run

from masivo_stream import __version__
from masivo_stream.model.errors import BugError, ConfigurationError, InputError
from masivo_stream.prepare.parts import make_share as making
from masivo_stream.prepare.parts.make_share import make_share, request_shares, take_share
from masivo_stream.prepare.parts.take_up import PartsToTakeUp, take_up

pytestmark = pytest.mark.slow

MAPPING = """
[sources]
people = { path = "people.csv", dates = ["joined"] }
[customers]
select = "SELECT place, id, name, email, joined AS registration_date FROM people"
"""
PEOPLE = "id,name,email,joined\n1,Ana,a@b.co,2020-01-01T10:00:00Z\n2,Bea,b@b.co,2020-01-01T10:00:00Z\n"
MAPPING_FILE = "my mapping.toml"
"""A name that a shell takes for two if it is not quoted."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with a table and a mapping that fit."""
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / MAPPING_FILE).write_text(MAPPING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_all():
    """Make two parts."""
    for each in request_shares(MAPPING_FILE, "parts", 2):
        make_share(each)


def check_written():
    """The parts are taken up, and the export is right."""
    take_up(PartsToTakeUp(MAPPING_FILE, "parts"), Path("export"))
    assert b'"name":"Ana"' in Path("export/customers.ndjson").read_bytes()


def test_parts_are_made_as_the_hints_say(here):
    """All parts, then one that is missing: what is pasted into a shell makes them; their next step ends the work."""
    up = ("prepare", MAPPING_FILE, "--parts", "parts", "-o", "export", "-q")
    done = run(*up, cwd=here)
    assert done.returncode == 2
    expect_advice(
        done,
        "make some, for example all of two on this machine: for part in {…}; do masivo-stream prepare {…} --part"
        ' "$part/{…}" -o {…} || break; done',
    )
    assert paste(read_advice(done)[0].partition("machine: ")[2], cwd=here).returncode == 0
    shutil.rmtree(next(Path("parts").glob("share-*")))
    done = run(*up, cwd=here)
    expect_advice(done, "make it, and start the same command again: masivo-stream prepare {…} --part {…}/{…} -o {…}")
    made = paste(read_advice(done)[0].partition("again: ")[2], cwd=here)
    expect_advice(made, "masivo-stream prepare {…} --parts {…} -o export")
    assert paste(made.stdout.decode().splitlines()[-1], cwd=here).returncode == 0
    for each in Path("parts").glob("share-*"):
        (each / "share.json").unlink()
    done = run(*up, cwd=here)
    expect_advice(
        done,
        'make them, and start the same command again: for part in {…}; do masivo-stream prepare {…} --part "$part/{…}"'
        " -o {…} || break; done",
    )
    make_all()
    check_written()


def test_a_command_for_a_part_is_completed(here):
    """What it lacks, or has too much."""
    part = ("prepare", MAPPING_FILE, "-q", "--part", "1/1")
    expect_advice(
        run(*part[:-1], "3/2", "-o", "parts", cwd=here), "the parts of N are 1/N to N/N, and N is at most 99,999"
    )
    begin = ("prepare", "--init", "shopify", "people.csv", "--part", "1/2")
    expect_advice(
        run(*begin, cwd=here),
        "leave out --part, --parts, --scheduler and --check: they are for the mapping when it is written",
    )
    expect_advice(run(*part, "-o", "parts", "--check", cwd=here), "leave out --part, or --parts and --check")
    expect_advice(run(*part, cwd=here), "name it, the same for all parts: -o parts")
    assert run(*part, "-o", "parts", cwd=here).returncode == 0
    done = run("prepare", MAPPING_FILE, "--parts", "s3://bucket/parts", "-o", "export", cwd=here)
    expect_advice(done, "copy them to a directory, and name that")
    check_written()


def test_parts_and_exports_are_kept_apart(here):
    """Neither is written where the other is, nor into a file."""
    part = ("prepare", MAPPING_FILE, "-q", "--part", "1/1", "-o")
    up = ("prepare", MAPPING_FILE, "-q", "--parts", "parts", "-o")
    for command in (part, up):
        done = run(*command, MAPPING_FILE, cwd=here)
        assert done.returncode == 2
        expect_advice(done, "name a directory with -o")
    assert run(*part, "parts", cwd=here).returncode == 0
    expect_advice(run(*up, "parts", cwd=here), "name another directory for the export: -o export")
    assert run(*up, "export", cwd=here).returncode == 0
    expect_advice(run(*part, "export", cwd=here), "name a directory of their own for the parts: -o parts")
    check_written()
    assert {path.stat().st_mode & 0o077 for path in [*Path("parts").glob("*"), *Path("parts").glob("share-*/*")]} == {0}


def test_sources_of_parts_are_the_same_everywhere(here, monkeypatch):
    """Standard input is written to a file; a file that cannot be read, or changes, is given to the next command."""
    Path("people.csv").rename("printed")
    Path(MAPPING_FILE).write_text(MAPPING.replace('"people.csv"', '"-", format = "csv"'))
    with pytest.raises(ConfigurationError) as error:
        make_all()
    assert error.value.hint == "write it to a file that all machines can read, and name that file in the mapping"
    Path("printed").rename("people.csv")
    Path(MAPPING_FILE).write_text(MAPPING)
    requests = request_shares(MAPPING_FILE, "parts", 2)
    Path("people.csv").rename("elsewhere")
    with pytest.raises(InputError) as unreadable:
        make_share(requests[0])
    assert unreadable.value.hint == "check that it exists and can be read"
    Path("people.csv").write_text(PEOPLE.replace("Bea", "Eva"))
    with pytest.raises(InputError) as other:
        make_share(requests[0])
    assert other.value.hint == (
        "check that all machines read the same files, and that nothing writes to them; then ask again"
    )
    request = msgspec.msgpack.decode(requests[0], type=making.ShareRequest)
    with pytest.raises(InputError) as changed:
        take_share(msgspec.structs.replace(request, identity=""), lambda _: os.utime("people.csv", (1, 1)))
    assert changed.value.hint == "when nothing writes to it any more, start the same command again"
    make_all()
    check_written()
    with monkeypatch.context() as patch:
        patch.setattr(making, "__version__", "0.0.1")
        old = request_shares(MAPPING_FILE, "parts", 2)
    with pytest.raises(ConfigurationError, match=f"version 0.0.1, and this is {__version__}") as version:
        make_share(old[0])
    assert version.value.hint == "install one version on all machines"


def test_parts_that_do_not_agree_are_made_again(here):
    """A summary that another program has changed."""
    make_all()
    path = next(Path("parts").glob("share-*")) / "share.json"
    summary = json.loads(path.read_bytes())
    summary["partitions"] += 1
    path.write_text(json.dumps(summary))
    with pytest.raises(BugError) as error:
        take_up(PartsToTakeUp(MAPPING_FILE, "parts"), Path("export"))
    assert error.value.hint == (
        "remove this directory and make all parts again; if that does not help, please report it"
    )
    assert error.value.place == "parts"
    shutil.rmtree("parts")
    make_all()
    check_written()
