"""The commands of a run, seen from another working directory, or for a state directory that was moved."""

from posixpath import join, normpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.commands_here import Here, commands_here
from masivo_stream.model.summary import Invocation

AGAIN = [
    *("masivo-stream", "migrate", "--customers", "c.ndjson", "--events", "e-*.ndjson", "/abs/e", "-", "s3://b/e"),
    *("--limit", "1/5s", "--canary"),
]
OPTIONS = ["--state-dir", "st", "--limit", "1/5s", "--config", "c.toml"]


def invocation(again=AGAIN, options=OPTIONS, began="/x"):
    return Invocation(again=(*again, *options), options=tuple(options), directory=began)


def seen(now, state_dir, *, was="st", there=("/x/",), **known):
    """Return the words of both commands, where only paths that begin with one of `there` exist."""
    here = Here(directory=now, state_dir=state_dir, exists=lambda path: path.startswith(there))
    found = commands_here(invocation(**known), was, here)
    return " ".join(found.again), " ".join(found.options)


@pytest.mark.parametrize("state_dir", ["st", "./st", "/x/st", "../x/st"])
def test_nothing_changes_where_the_run_was_started(state_dir):
    """However the same directory is spelt."""
    assert seen("/x", state_dir) == (" ".join(invocation().again), " ".join(OPTIONS))


def test_a_moved_state_directory_is_named_as_it_is_now():
    """The exports are where they were."""
    again, options = seen("/x", "st-moved")
    assert options == "--state-dir st-moved --limit 1/5s --config c.toml"
    assert again == " ".join((*AGAIN, *options.split()))


def test_another_working_directory_makes_paths_absolute():
    """No pattern is lost, and no URL or standard input is taken for a path."""
    again, options = seen("/", "/x/st")
    assert options == "--state-dir /x/st --limit 1/5s --config /x/c.toml"
    assert again.startswith(
        "masivo-stream migrate --customers /x/c.ndjson --events /x/e-*.ndjson /abs/e - s3://b/e --limit 1/5s --canary"
    )


def test_exports_that_were_moved_along_stay_relative():
    """The working directory was moved as a whole: its old paths lead nowhere."""
    words = ["masivo-stream", "migrate", "--customers", "c.ndjson"]
    again, _ = seen("/y", "st", there=("c.",), again=words, options=["--state-dir", "st"])
    assert again == "masivo-stream migrate --customers c.ndjson --state-dir st"


def test_a_state_directory_that_no_flag_named_gets_one():
    """A default or a setting names another one here."""
    words = ["masivo-stream", "migrate", "--customers", "c"]
    assert seen("/", "x/masivo-state", was="masivo-state", again=words, options=[]) == (
        "masivo-stream migrate --customers /x/c --state-dir x/masivo-state",
        "--state-dir x/masivo-state",
    )


def test_a_fleet_finds_its_state_directories_by_its_file():
    """`fleet migrate` has no flag for them."""
    words = ["masivo-stream", "fleet", "migrate", "f.toml", "--only", "a"]
    known = {"again": words, "options": []}
    again, options = seen("/y", "/x/st", **known)
    assert (again, options) == ("masivo-stream fleet migrate /x/f.toml --only a", "--state-dir /x/st")


def test_a_run_that_did_not_note_its_directory_gets_its_state_directory():
    """It is one of an earlier version: where its exports are is not known."""
    again, options = seen("/", "/x/st", began="")
    assert options == "--state-dir /x/st --limit 1/5s --config c.toml"
    assert "--customers c.ndjson" in again


def test_a_program_has_no_command_to_paste():
    """It has no command that continues the run; other commands have their state directory."""
    assert seen("/y", "/x/st", again=[], options=[]) == ("", "--state-dir /x/st")


NAMES = st.text("ab/.", min_size=1, max_size=6).filter(lambda text: not text.startswith("/"))


@given(NAMES, NAMES, st.sampled_from(["/x", "/x/a", "/y/b"]))
def test_the_words_lead_to_the_same_files(export, state_dir, now):
    """From any directory, if nothing was moved."""
    state = join("/x", state_dir)
    words = ["masivo-stream", "migrate", "--customers", export]
    told = Invocation(again=(*words, "--state-dir", state_dir), options=("--state-dir", state_dir), directory="/x")
    found = commands_here(told, state_dir, Here(directory=now, state_dir=state, exists=lambda _: False))
    where = dict(zip(found.again[2::2], found.again[3::2], strict=True))
    for flag, path in (("--customers", export), ("--state-dir", state_dir)):
        assert normpath(join(now, where[flag])) == normpath(join("/x", path))
