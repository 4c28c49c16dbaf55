"""A fleet file that is read again: once for each SIGHUP, and no account gets settings of before its SIGHUP."""

import shlex
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.flow.fleet_file import Fleet, FleetAccount, FleetFileAgain
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.notices import SettingsReread
from masivo_stream.model.settings import Settings, StateSettings, UploadSettings

NAMES = ("north", "south", "west")


def account(name, uploaders=1, **more):
    settings = Settings(upload=UploadSettings(uploaders=uploaders), state=StateSettings(state_dir=f"s/{name}"))
    return FleetAccount(
        name=name, place=name, settings=settings, key="K", has_key=True, credentials=lambda: None, **more
    )


def fleet(uploaders=1, names=NAMES, **more):
    accounts = tuple(account(name, uploaders, **more) for name in names)
    return Fleet(file="f.toml", settings=Settings(), accounts=accounts, known=accounts, at_once=9)


def again(read, begun=None):
    """Return the reader, the number of signals, and what was notified."""
    signals, noted = SimpleNamespace(come=0), []
    return FleetFileAgain(begun or fleet(), read, hang_ups=lambda: signals.come, notify=noted.append), signals, noted


@given(st.lists(st.sampled_from([*NAMES, "change", "signal"]), max_size=40))
def test_each_account_gets_what_the_file_had_at_its_signal_or_later(steps):
    """Whoever asks first; and as many readings as there were signals that an account has asked after."""
    state = SimpleNamespace(uploaders=1, at_signal=1, read=0)

    def read():
        state.read += 1
        return fleet(state.uploaders)

    reader, signals, _ = again(read)
    asked_since = False
    expected = 0
    for step in steps:
        match step:
            case "change":
                state.uploaders += 1
            case "signal":
                signals.come += 1
                state.at_signal, asked_since = state.uploaders, False
            case name:
                expected += bool(signals.come) and not asked_since
                asked_since = True
                assert reader.settings_of(account(name)).upload.uploaders >= (state.at_signal if signals.come else 1)
    assert state.read == expected


def test_a_broken_file_is_an_error_for_each_account_until_it_is_read_again():
    """It is not read again for the second account."""
    read = []

    def fail():
        read.append(1)
        raise ConfigurationError("is not TOML", operation="read", place="f.toml", hint="h")

    reader, signals, noted = again(fail)
    signals.come = 1
    for name in NAMES:
        with pytest.raises(ConfigurationError, match="TOML"):
            reader.settings_of(account(name))
    assert (len(read), noted) == (1, [])


def test_an_account_that_the_file_no_longer_has_goes_on_and_is_named():
    """Its hint pauses it: by its state directory, since the file cannot name it any more."""
    reader, signals, noted = again(lambda: fleet(names=("north",)))
    signals.come = 1
    with pytest.raises(ConfigurationError, match="no longer has the account south, which goes on") as caught:
        reader.settings_of(account("south"))
    command = caught.value.hint.rpartition(": ")[2]
    assert shlex.split(command) == ["masivo-stream", "pause", "s/south"]
    assert noted == [SettingsReread(left=("accounts",))]
    assert reader.settings_of(account("north")) == account("north").settings


@pytest.mark.parametrize("changed", [fleet(names=(*NAMES, "east")), fleet(customers=("new.ndjson",)), fleet(parts="p")])
def test_other_accounts_and_exports_are_named_once(changed):
    """They count from the next start on; other settings alone are reported by each account."""
    reader, signals, noted = again(lambda: changed)
    signals.come = 1
    for name in NAMES:
        reader.settings_of(account(name))
    assert noted == [SettingsReread(left=("accounts",))]
    same, more, silent = again(lambda: fleet(uploaders=5))
    more.come = 1
    assert (same.settings_of(account("north")).upload.uploaders, silent) == (5, [])
