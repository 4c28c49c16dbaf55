"""The log: one line an event, whatever its values hold; and never a reason for a run to end."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import HOSTILE

import masivo_stream
from masivo_stream.core.redact import printable
from masivo_stream.edges.log import configure_log

ROOT = Path(masivo_stream.__file__).parent.parent


class Terminal(io.StringIO):
    def isatty(self):
        return True


def written(form, value, *, stream=None, level="info"):
    stream = stream or io.StringIO()
    configure_log(level=level, form=form, stream=stream).info("batch_sent", file=value, records=3)
    return stream.getvalue()


# One line, and only text in it.


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_value_cannot_forge_a_line(form, terminal, value):
    """One event is one line of printable text, apart from our own colours on a terminal."""
    text = written(form, value, stream=Terminal() if terminal else io.StringIO())
    assert (text.count("\n"), text[-1]) == (1, "\n")
    assert len(text.splitlines()) == 1
    ours = {written(form, "x", stream=Terminal())} if terminal and form == "console" else {""}
    own_colours = max(one.count("\x1b[") for one in ours)
    assert (text.count("\x1b"), "\x9b" in text) == (own_colours, False)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_json_line_is_one_object_with_the_given_fields(value):
    """No value adds a field or changes another."""
    found = json.loads(written("json", value))
    assert list(found) == ["file", "records", "event", "level", "timestamp"]
    assert (found["event"], found["level"], found["records"]) == ("batch_sent", "info", 3)
    assert found["file"] == printable(value)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "value", [["\n\x1b[31m\u202e"], {"\n": "\x1b"}, ValueError("\n\x1b[31m"), b"\n\x1b", ("\u2028",)]
)
def test_values_of_other_types_cannot_forge_a_line_either(form, value):
    """Lists, errors, bytes."""
    text = written(form, value)
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


@pytest.mark.parametrize("value", ["a outcome=accepted", "a=b", 'a" outcome="accepted'])
def test_a_value_cannot_forge_a_field_on_the_console(value):
    """What looks like a field is put in quotes."""
    assert f"file={printable(value)!r}" in written("console", value)


@pytest.mark.parametrize("form", ["json", "console"])
def test_braces_and_percents_are_ordinary_characters(form):
    """Data is never a format."""
    for value in ("%s %d %(x)s", "{} {0} {x.__class__}", "[bold]x[/bold]", "%"):
        assert value in written(form, value)


# Levels and forms.


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_events_below_the_level_are_not_written(level):
    """The four levels of the setting."""
    stream = io.StringIO()
    logger = configure_log(level=level, form="json", stream=stream)
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("event")
    names = [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    every = ["debug", "info", "warning", "error"]
    assert names == every[every.index(level) :]


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("json", False, True),
        ("console", True, False),
        ("console", False, False),
    ],
)
def test_the_form_fits_the_reader(form, terminal, is_json):
    """Readable on a terminal, JSON elsewhere, unless asked for; colours on a terminal only."""
    text = written(form, "x", stream=Terminal() if terminal else io.StringIO())
    assert text.startswith("{") is is_json
    assert ("\x1b[" in text) is (terminal and not is_json)


def test_the_moment_is_in_utc():
    """ISO 8601 with a Z."""
    stamp = json.loads(written("json", "x"))["timestamp"]
    assert (stamp[10], stamp[-1]) == ("T", "Z")


def test_the_standard_librarys_logging_is_left_alone():
    """A library that configures the root logger spoils its host."""
    before = (list(logging.root.handlers), logging.root.level)
    written("json", "x")
    assert (list(logging.root.handlers), logging.root.level) == before


# A log that breaks.


class Broken(io.StringIO):
    def write(self, _text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


class Full(io.StringIO):
    def flush(self):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_without_a_reader_does_not_end_the_run(form):
    """The pipe is closed, the disk is full, the stream is gone."""
    streams = [Broken(), Full(), io.StringIO()]
    loggers = [configure_log(level="info", form=form, stream=stream) for stream in streams]
    streams[-1].close()
    for logger in loggers:
        logger.info("batch_sent")
        logger.warning("batch_waits")
        logger.error("stopping")


def test_a_log_that_recovers_is_written_again():
    """A disk that was full for a while."""

    class Recovering(io.StringIO):
        troubles = 1

        def write(self, text):
            if self.troubles:
                self.troubles -= 1
                raise OSError(28, "No space left on device")
            return super().write(text)

    stream = Recovering()
    logger = configure_log(level="info", form="json", stream=stream)
    logger.info("lost")
    logger.info("kept")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["kept"]


LOG = """
import sys
from masivo_stream.edges.log import configure_log
logger = configure_log(level="info", form=sys.argv[1])
for _ in range(3):
    logger.info("batch_sent")
print("done")
sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["auto", "json", "console"])
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(exec true)"])
def test_a_process_without_standard_error_works_and_ends_as_it_should(form, redirection):
    """Closed, full, or with no process at the other end: standard output and the exit code are what they would be."""
    command = ["/bin/bash", "-c", f'"$0" -c "$1" "$2" {redirection}', sys.executable, LOG, form]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=300, check=False)
    assert (done.stdout, done.returncode) == (b"done\n", 3)


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_by_name_and_by_form(form):
    """Also those in lists and mappings."""
    stream = io.StringIO()
    log = configure_log(level="info", form=form, stream=stream)
    log.info(
        "said", why="Bearer s3cret, ana@example.com", token="s3cret", many=["x-api-key: s3cret", {"token": "s3cret"}]
    )
    assert "s3cret" not in stream.getvalue()
    assert "ana@" not in stream.getvalue()
    assert stream.getvalue().count("***") == 5
