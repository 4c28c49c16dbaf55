from collections import Counter

import msgspec
import pytest

from masivo_stream.model.settings import Settings

SECTIONS = [field.name for field in msgspec.structs.fields(Settings)]


def leaves(section: str) -> list[str]:
    return [field.name for field in msgspec.structs.fields(getattr(Settings(), section))]


def test_the_defaults_are_valid_settings():
    """Every default may also be written, and writing all of them changes nothing."""
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()


def test_leaf_names_are_unique_over_all_sections():
    """A flag or an environment variable names its setting without the section."""
    names = Counter(name for section in SECTIONS for name in leaves(section))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_a_misspelt_setting_is_refused(section):
    """A typo is never a silent default, in any section or above them."""
    for wrong in ({section: {"a_typo": 1}}, {f"{section}_": {}}):
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            msgspec.convert(wrong, Settings)


@pytest.mark.parametrize(
    ("section", "leaf", "value"),
    [
        ("api", "request_timeout", 0),
        ("api", "connect_timeout", "10"),
        ("api", "headers", {"X-Account-Id": 7}),
        ("limits", "longest_hold", -1),
        ("upload", "uploaders", 0),
        ("upload", "hand_off", 1.5),
        ("upload", "look_ahead", 0),
        ("upload", "max_body_bytes", 100),
        ("retry", "first_delay", 0),
        ("retry", "outage_limit", True),
        ("validation", "unknown_fields", "ignore"),
        ("validation", "discounted_value", "maybe"),
        ("validation", "max_line_bytes", 10),
        ("validation", "remember_ids", 0),
        ("visible", "visible_probes", -1),
        ("visible", "events_settle", -1),
        ("source", "block_bytes", 0),
        ("log", "log_level", "loud"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(section, leaf, value):
    """Zero uploaders, timeouts of 0 or without end, unknown words: each is reported with its place."""
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{section}\.{leaf}"):
        msgspec.convert({section: {leaf: value}}, Settings)


def test_settings_cannot_be_changed():
    """Settings cannot be changed after they are read."""
    with pytest.raises(AttributeError):
        Settings().upload.uploaders = 9
