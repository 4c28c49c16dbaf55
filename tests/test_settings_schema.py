"""The JSON Schema of a settings file agrees with the program: an editor marks as wrong what would be refused."""

import json
import tomllib

import jsonschema
import pytest
from made_docs import ROOT, program
from msgspec import inspect

from masivo_stream.edges.config import leaves, settings_of
from masivo_stream.flow.checks.policy import read_policy
from masivo_stream.model.errors import ConfigurationError

made = program("make_settings_schema")
SCHEMA = json.loads((ROOT / "config.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
EXAMPLE = (ROOT / "config.example.toml").read_text()

WRONG = {
    "a section that does not exist": "[limit]\nlimit = []",
    "a setting that does not exist": "[upload]\nuploader = 2",
    "a setting of another section": "[api]\nlimit = []",
    "a setting outside a section": "uploaders = 2",
    "a text for a number": '[upload]\nuploaders = "2"',
    "a number for a text": "[api]\nbase_url = 1",
    "a number for a switch": "[verify]\ncanary = 1",
    "a number that is too small": "[upload]\nuploaders = 0",
    "a number that is too large": "[upload]\nworkers = 65",
    "a time of nothing": "[retry]\nfirst_delay = 0",
    "a fraction of a count": "[upload]\nhand_off = 1.5",
    "a word that is not in the list": '[log]\nlog_level = "chatty"',
    "a limit without a time": '[limits]\nlimit = ["1"]',
    "a limit of nothing": '[limits]\nlimit = ["0/5s"]',
    "a limit in no time": '[limits]\nlimit = ["1/0s"]',
    "a limit with an unknown unit": '[limits]\nlimit = ["1/5 weeks"]',
    "a limit at no time of the day": '[limits]\nlimit = ["25:00-26:00 1/5s"]',
    "a limit that is a number": "[limits]\nlimit = [5]",
    "a budget of too many percent": '[validation]\nmax_dead = ["101%"]',
    "a budget of an unknown kind": '[validation]\nmax_dead = ["orders=5"]',
    "a check that does not exist": '[validation]\nskip_checks = ["balances"]',
    "a check that is always made": '[validation]\nskip_checks = ["duplicate_id"]',
    "a list of headers": '[api]\nheaders = ["a"]',
    "a header that is a number": "[api.headers]\nx = 1",
    "a list for a section": "limits = []",
}


def is_refused(document):
    try:
        read_policy(settings_of([(document, "config.toml")]))
    except ConfigurationError:
        return True
    return False


def test_the_example_names_the_schema_and_fits_it():
    """Its first line is what editors look for."""
    assert EXAMPLE.startswith(f"#:schema ./{made.SCHEMA.name}\n")
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    VALIDATOR.validate(tomllib.loads(EXAMPLE))
    VALIDATOR.validate({})


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_wrong_in_the_editor_and_for_the_program(text):
    """The same files are refused."""
    document = tomllib.loads(text)
    assert is_refused(document)
    assert not VALIDATOR.is_valid(document)


def test_every_setting_is_described_with_its_default():
    """Numbers with their unit."""
    for section, names in leaves().items():
        found = SCHEMA["properties"][section]
        assert found["description"].endswith(".")
        for name, field in names.items():
            shown = found["properties"][name]
            assert len(shown["description"]) > 10, name
            assert "default" in shown, name
            assert not isinstance(field.type, inspect.FloatType) or shown["description"].endswith("In seconds.")


VALUES = [
    True, False, 0, 1, 2, -1, 64, 65, 1000, 10**9, 10**10, 10**11, 0.0, 0.5, 2.0, 60.0, 1e6, 1e9, -0.5,
    "", "none", "None", "all", "pass", "required", "info", "auto", "samples", "account", "text", "1/5s", "1/5s,1000/h",
    "1/5s, 1000/h ", " 1 / 5 s ", "1/0.2s", "1/.2s", "1/0.0s", "1/00s", "1/05s", "1/5.s", "01/5s", "1/s", "1/5S",
    "08:00-20:00 1/30s", "8:00 - 20:00 1/30s", "22:00-06:00 pause", "20:00-24:00 PAUSE", "08:00-20:00",
    "24:00-08:00 1/5s", "08:60-20:00 1/5s", "none,08:00-20:00 1/30s", "100", "0.5%", "100%", "100.1%", "100.0%",
    "099.5%", "customers=10", "customers = 0.5 %", "events=100%,5", "1.5", "no_balance", "no_balance,email_case",
    "no_balance, all", "duplicate_id", [], ["1/5s"], ["1/5s", "08:00-20:00 1/30s"], ["none"], ["1/5s,5/m"], [""],
    ["100"], [100], [True], [-1], ["0.5%", "customers=1"], ["all"], ["email_case", "no_balance"], ["none", "all"],
    [["1/5s"]], {}, {"X-A": "b"}, {"a": 1},
]  # fmt: skip
FOR_ANOTHER_REASON = {"limit", "general_limit", "first_delay", "longest_delay"}
"""Settings of which some values are wrong, although their form is right; besides all that are text (URLs, folders)."""


def is_beyond_json(name, value):
    """Return whether a schema cannot say it (2.0 is an integer to JSON), or need not: text for headers."""
    return (type(value) is float and value.is_integer()) or (name == "headers" and isinstance(value, str))


@pytest.mark.parametrize("section", leaves())
def test_schema_and_program_agree_about_single_values(section):
    """What the program takes is not marked as wrong; what an editor lets through is refused for its meaning only."""
    for name, field in leaves()[section].items():
        for value in VALUES:
            if is_beyond_json(name, value):
                continue
            document = {section: {name: value}}
            refused, fits = is_refused(document), VALIDATOR.is_valid(document)
            only_meaning = isinstance(field.type, inspect.StrType) or name in FOR_ANOTHER_REASON
            agreed = refused != fits or (refused and only_meaning)
            assert agreed, (name, value, "refused" if refused else "taken", "fits" if fits else "marked")
