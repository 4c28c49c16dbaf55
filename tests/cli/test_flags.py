"""Flags become values: what a command hands to the library."""

import pytest

from masivo_stream.cli.main import build_app
from masivo_stream.cli.migrate import MigrateConfirmationFlags, MigrateExportFlags
from masivo_stream.cli.options import (
    CommonFlags,
    ConfirmationFlags,
    RunFlags,
    SendingFlags,
    ValidationFlags,
    settings_from,
)
from masivo_stream.cli.reporting import spell_flags
from masivo_stream.cli.resolve import DecisionFlags
from masivo_stream.cli.verify import SampleFlags
from masivo_stream.flow.commands.resolve import Decisions
from masivo_stream.flow.commands.verify import Sample
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.identity.account_binding import Confirmations
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.max_dead import parse_max_deads
from masivo_stream.model.window import parse_window


def parsed(command, *words):
    """Return the arguments that a command's function is called with."""
    _, bound, _ = build_app(command).parse_args([command, *words], exit_on_error=False, print_error=False)
    return bound.arguments


def test_exports_are_named_by_kind():
    """Several of a kind after one flag or many; `-`, which arrives as /dev/stdin, is standard input."""
    given = parsed("migrate", "--customers", "a", "b", "--events", "c", "--events", "d", "--transactions", "/dev/stdin")
    assert given["exports"] == MigrateExportFlags(customers=["a", "b"], events=["c", "d"], transactions=["/dev/stdin"])
    assert given["exports"].named() == Exports(customers=("a", "b"), events=("c", "d"), transactions=("-",))


def test_each_confirmation_is_a_field():
    """Each flag is one field, and nothing is confirmed without one."""
    given = parsed("migrate", "--again", "--same-account", "--moved", "old=new", "--moved", "-=pipe.ndjson")
    assert given["confirmations"].confirmed() == Confirmations(
        same_account=True, again=True, moved=("old=new", "-=pipe.ndjson")
    )
    assert MigrateConfirmationFlags().confirmed() == ConfirmationFlags().confirmed() == Confirmations()


def test_only_missing_is_a_flag_with_its_confirmations():
    """The flag, and what a person confirms about the others."""
    missing = parsed("migrate", "--only-missing", "--others-stayed")["missing"]
    assert (missing.only_missing, missing.others_stayed) == (True, True)


def test_decisions_are_given_by_batch():
    """Several ids after one flag."""
    given = parsed("resolve", "--accept", "3f2a", "77aa", "--discard", "all", "--reason", "seen")
    assert given["decisions"].decided() == Decisions(accept=("3f2a", "77aa"), discard=("all",), reason="seen")
    assert DecisionFlags().decided() == Decisions()


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        ((), Sample(records=20, seed=1)),
        (("--sample", "5", "--seed", "9"), Sample(records=5, seed=9)),
        (("--all",), None),
    ],
)
def test_a_number_of_records_or_all_are_read_back(words, drawn):
    """A number of each kind, or all."""
    assert parsed("verify", *words).get("sample", SampleFlags()).drawn() == drawn


@pytest.mark.parametrize(
    "flags", [SampleFlags(sample=0), SampleFlags(sample=-1), SampleFlags(sample=3, everything=True)]
)
def test_an_impossible_sample_is_refused(flags):
    """Below 1, or beside --all."""
    with pytest.raises(ConfigurationError, match="sample"):
        flags.drawn()


def test_flags_become_settings():
    """A flag has the name of its setting; several windows are one setting."""
    settings = settings_from(
        CommonFlags(log_format="json"),
        ValidationFlags(state_dir="s", workers=2),
        SendingFlags(base_url="http://127.0.0.1:1", limit=["1/5s", "250/h"], uploaders=3),
        RunFlags(monitor="8080", no_verify=True),
    )
    assert (settings.state.state_dir, settings.upload.workers, settings.upload.uploaders) == ("s", 2, 3)
    assert settings.limits.limit == (parse_window("1/5s"), parse_window("250/h"))
    assert (settings.monitor.monitor, settings.verify.sample, settings.log.log_format) == ("8080", 0, "json")


def test_budgets_become_one_setting():
    """The flag is repeatable, and other commands on the run get it as it was given."""
    flags = parsed("plan", "--max-dead", "100", "--max-dead", "customers=0.5%")["validation"]
    assert settings_from(CommonFlags(), flags).validation.max_dead == parse_max_deads("100,customers=0.5%")
    assert spell_flags(flags) == ["--max-dead", "100", "--max-dead", "customers=0.5%"]


@pytest.mark.parametrize(("flag", "level"), [("quiet", "error"), ("verbose", "debug")])
def test_two_flags_set_the_log_level(flag, level):
    """Two flags for the log's level."""
    assert settings_from(CommonFlags(**{flag: True})).log.log_level == level
