"""What `--help` and `-h` show of each command, and how errors are wrapped."""

import os
import pty
import re
import subprocess
import sys
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.cli.help import GROUPS, IDLE, OWN, help_of
from masivo_stream.cli.lines import wrap
from masivo_stream.cli.main import COMMANDS, build_app


@cache
def flags_of(name):
    """Return all names of all flags, and those of words without a flag."""
    arguments = build_app(name)[name].assemble_argument_collection(parse_docstring=True)
    return [each for each in arguments if each.show]


def shown(name, **options):
    return help_of(build_app(name), name, **options)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_flag_once(name):
    """Each in one group, with what it does; no other flag is explained."""
    text = shown(name, width=100)
    explained = [match[1] for match in re.finditer(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)]
    named = {flag.name for flag in flags_of(name) if flag.index is None}
    assert sorted(explained) == sorted(named)
    for head in re.findall(r"^(\w[^:\n]*)$(?=\n  )", text, re.MULTILINE):
        assert head in {OWN, *GROUPS, IDLE}
    for flag in flags_of(name):
        assert (flag.parameter.help or "").split()[0].strip("`") in text, flag.name


@pytest.mark.parametrize("name", COMMANDS)
def test_short_help_is_one_screen(name):
    """It explains three flags, and names the others."""
    text = shown(name, short=True, width=80)
    assert text.count("\n") < 36
    flags = flags_of(name)
    assert all((flag.name if flag.index is None else flag.name.lstrip("-").upper()) in text for flag in flags)
    explained = re.findall(r"^  \S", text.split("Further flags")[0].split("Example:\n")[1], re.MULTILINE)[1:]
    assert len(explained) == min(3, len(flags))
    if len(flags) > 3:
        assert f"masivo-stream {name} --help explains them" in text


@pytest.mark.parametrize("name", ["validate", "check", "plan", "migrate"])
def test_the_three_flags_that_matter_come_first(name):
    """The exports."""
    found = re.findall(r"^  (--[a-z-]+)", shown(name), re.MULTILINE)
    assert found[:3] == ["--customers", "--events", "--transactions"]


@pytest.mark.parametrize("name", ["migrate", "prepare", "resolve", "generate"])
def test_lines_of_help_end_at_words(name):
    """No line is longer than the terminal, except an example, which is to be pasted."""
    for short, width in ((False, 60), (False, 80), (False, 120), (True, 60)):
        text = shown(name, short=short, width=width)
        head, example = text.split("Example:\n", 1)
        for line in [*head.splitlines(), *example.splitlines()[1:]]:
            assert len(line) <= width or len(line.split()) == 1, line


def test_the_help_on_the_command_line(command):
    """`-h` is the short one, wherever it is; both end with 0."""
    long, short = command("migrate", "--help"), command("migrate", "--customers", "x", "-h")
    assert (long.code, short.code, long.err, short.err) == (0, 0, "", "")
    assert "explains them" in short.out
    assert "explains them" not in long.out
    assert len(long.out) > 3 * len(short.out)


def test_a_word_of_a_message_is_not_a_question_for_help(command):
    """After `--`, words are not flags."""
    ended = command("validate", "--customers", "x", "--", "--help")
    assert ended.code == 2


def test_every_group_names_flags_that_exist():
    """A flag that was renamed does not keep its place."""
    known = {flag.name.lstrip("-") for name in COMMANDS for flag in flags_of(name)}
    assert not {name for names in GROUPS.values() for name in names.split()} - known


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("error: short", ["error: short"]),
        ("  hint: one two three four five six", ["  hint: one two three", "        four five six"]),
        ("  hint: say masivo-stream retry --state-dir x", ["  hint: say", "        masivo-stream retry --state-dir x"]),
        ("error: /a/very/long/path/that/has/no/blank", ["error:", "  /a/very/long/path/that/has/no/blank"]),
    ],
)
def test_an_error_is_wrapped_at_words(text, lines):
    """And not within a command."""
    indent = "        " if text.startswith("  ") else "  "
    assert wrap(text, indent, 24).splitlines() == lines
    assert wrap(text, indent, 0) == text


@given(st.lists(st.text("abc-./", min_size=1, max_size=12), min_size=1, max_size=30), st.integers(10, 60))
def test_wrapping_changes_nothing_but_line_ends(words, width):
    """The words are the same, in the same order, and a line is too long only if it is one word."""
    text = " ".join(words)
    found = wrap(text, "  ", width)
    assert found.split() == text.split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in found.splitlines())


def test_an_error_on_a_terminal_ends_its_lines_at_words(tmp_path):
    """Of 60 columns; the same error in a pipe is one line for each part."""
    arguments = [sys.executable, "-m", "masivo_stream", "migrate", "--api-key", "x"]
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", "60"], stdin=theirs, check=True)
    ended = subprocess.run(arguments, stderr=theirs, cwd=tmp_path, check=False)
    os.close(theirs)
    text = os.read(ours, 10000).decode().replace("\r\n", "\n")
    os.close(ours)
    assert ended.returncode == 2
    assert max(map(len, text.splitlines())) <= 60
    plain = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False).stderr
    assert len(plain.splitlines()) == 3
    assert text.split() == plain.split()
