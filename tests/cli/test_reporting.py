"""The commands that a run names: the flags it was given, as they would be typed."""

import pytest

from masivo_stream.cli.main import build_app
from masivo_stream.cli.migrate import MigrateExportFlags
from masivo_stream.cli.options import CommonFlags, RunFlags, SendingFlags, ValidationFlags
from masivo_stream.cli.reporting import reporting, spell_flags

EXPORTS = MigrateExportFlags(customers=["c.ndjson"], events=["e 1.ndjson", "e2.ndjson"])
SENDING = SendingFlags(base_url="http://127.0.0.1:1", limit=["1/5s", "250/h"], uploaders=3, api_key_file="key")


def test_flags_are_spelt_as_they_are_typed():
    """Flags at their default are left out, and so are those about printing, and the names that a run remembers."""
    assert spell_flags(EXPORTS) == ["--customers", "c.ndjson", "--events", "e 1.ndjson", "e2.ndjson"]
    assert spell_flags(CommonFlags(config="c.toml", json=True, quiet=True, verbose=True)) == ["--config", "c.toml"]
    assert spell_flags(RunFlags(no_verify=True)) == ["--no-verify"]
    assert spell_flags(ValidationFlags()) == []
    assert spell_flags(MigrateExportFlags(customers=["c"], catalogue="names.json")) == ["--customers", "c"]


def test_the_continuing_command_has_all_flags_and_others_the_shared_ones():
    """Exports and a monitor are the command's own."""
    told = reporting("migrate", (ValidationFlags(state_dir="s"), SENDING, None), (EXPORTS, RunFlags(monitor="8080")))
    again, options = told.invocation.again, told.invocation.options
    assert again[:2] == ("masivo-stream", "migrate")
    assert "--monitor" in again
    assert options[:2] == ("--state-dir", "s")
    assert again[-len(options) :] == options
    assert "--events" not in options


@pytest.mark.parametrize("command", ["migrate", "retry", "resolve", "verify"])
def test_the_parser_reads_the_same_flags_back(command):
    """The words make the flags they came from, for every command that may be named."""
    own = (EXPORTS,) if command == "migrate" else ()
    shared = (ValidationFlags(state_dir="my state"), SENDING, CommonFlags(config="c.toml"))
    words = reporting(command, shared, own).invocation.again[1:]
    _, bound, _ = build_app(command).parse_args(list(words), exit_on_error=False, print_error=False)
    assert bound.arguments["sending"] == SENDING
    assert bound.arguments["validation"] == ValidationFlags(state_dir="my state")
    assert bound.arguments["common"] == CommonFlags(config="c.toml")
    assert bound.arguments.get("exports", None) == (EXPORTS if own else None)
