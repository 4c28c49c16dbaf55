"""A fleet file: what it means, and errors that name the file, the account, the field and the remedy."""

import re
from pathlib import Path

import pytest

from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.fleet_file import load_fleet
from masivo_stream.model.errors import ConfigurationError

NORTH = '[[accounts]]\nname = "north"\ncustomers = ["north.ndjson"]\n'
SOUTH = NORTH.replace("north", "south")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a fleet file in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write_it(text):
        (tmp_path / "fleet.toml").write_text(text)
        return "fleet.toml"

    return write_it


def load(file, environment=None, **flags):
    return load_fleet(file, environment=environment or {}, flags=flags)


def test_accounts_share_settings_and_have_their_own(write):
    """An account's table counts before the common one, a variable before both, a flag before all."""
    file = write("[settings.upload]\nuploaders = 3\nhand_off = 5\n" + NORTH + "settings.upload.uploaders = 4\n" + SOUTH)
    north, south = load(file).accounts
    assert (north.settings.upload.uploaders, south.settings.upload.uploaders) == (4, 3)
    assert north.settings.upload.hand_off == south.settings.upload.hand_off == 5
    both = load(file, {"MASIVO_UPLOADERS": "5"}).accounts
    assert [each.settings.upload.uploaders for each in both] == [5, 5]
    assert load(file, {"MASIVO_UPLOADERS": "5"}, uploaders=6).accounts[0].settings.upload.uploaders == 6


def test_a_settings_file_counts_below_the_fleet_file(write, tmp_path):
    """As the settings of all accounts, before those of the fleet file."""
    (tmp_path / "config.toml").write_text("[upload]\nuploaders = 7\n[source]\nblock_bytes = 8192\n")
    file = write("[settings.upload]\nuploaders = 3\n" + NORTH)
    (north,) = load_fleet(file, environment={}, config="config.toml").accounts
    assert (north.settings.upload.uploaders, north.settings.source.block_bytes) == (3, 8192)


def test_each_account_has_a_state_directory(write):
    """Its own, or one named after it, whatever the environment says: that would be one for all."""
    file = write(NORTH + 'state_dir = "elsewhere"\n' + SOUTH)
    accounts = load(file, {"MASIVO_STATE_DIR": "shared"}).accounts
    assert [each.settings.state.state_dir for each in accounts] == ["elsewhere", "fleet-state/south"]
    assert load(file, state_dir="given").accounts[1].settings.state.state_dir == "given"  # for one account: --fleet


def revealed(account):
    found = account.credentials()
    assert isinstance(found, Credentials)
    return found.api_key.reveal()


def test_keys_come_from_a_file_a_variable_or_a_variable_named_after_the_account(write, tmp_path):
    """They are read when they are asked for."""
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text("from-file\n")
    file = write(
        NORTH + 'key_file = "key"\n' + SOUTH + 'key_variable = "SECRET"\n' + NORTH.replace("north", "far-west")
    )
    variables = {"SECRET": "from-variable", "MASIVO_API_KEY_FAR_WEST": "by-name", "MASIVO_API_KEY": "of-no-account"}
    fleet = load(file, variables)
    assert [revealed(each) for each in fleet.accounts] == ["from-file", "from-variable", "by-name"]
    assert all(each.has_key for each in fleet.accounts)


def test_a_missing_key_is_an_error_of_its_account_alone(write):
    """The others are read; the error names the account and what to set."""
    fleet = load(write(NORTH + SOUTH), {"MASIVO_API_KEY_NORTH": "key", "MASIVO_API_KEY_SOUTH": ""})
    north, south = fleet.accounts
    assert (revealed(north), south.has_key) == ("key", False)
    with pytest.raises(ConfigurationError, match="MASIVO_API_KEY_SOUTH is empty") as caught:
        south.credentials()
    assert caught.value.place == "fleet.toml: account south"
    assert "set MASIVO_API_KEY_SOUTH, or write key_file" in caught.value.hint


def test_a_wrong_key_names_its_variable_and_never_itself(write):
    """What is wrong with a secret is said without it."""
    (north,) = load(write(NORTH), {"MASIVO_API_KEY_NORTH": "kéy"}).accounts
    with pytest.raises(ConfigurationError) as caught:
        north.credentials()
    assert caught.value.place == "fleet.toml: account north: MASIVO_API_KEY_NORTH"
    assert "kéy" not in f"{caught.value} {caught.value.hint}"


def test_some_accounts_are_chosen_in_the_sequence_of_the_file(write):
    """All without a name; an unknown name is an error that lists the known ones."""
    fleet = load(write(NORTH + SOUTH))
    assert [each.name for each in fleet.only(["south", "north"]).accounts] == ["north", "south"]
    assert [each.name for each in fleet.only(["south"]).accounts] == ["south"]
    assert fleet.only([]).accounts == fleet.accounts
    with pytest.raises(ConfigurationError, match="no account west") as caught:
        fleet.only(["north", "west"])
    assert (caught.value.place, caught.value.hint) == ("fleet.toml", "its accounts are: north, south")


WRONG = {
    "no account": ("[settings.api]\n", "fleet.toml", "names no account", "add a table [[accounts]] for each"),
    "an empty list": ("accounts = []\n", "fleet.toml", "names no account", "add a table [[accounts]] for each"),
    "a table, not a list": ("[accounts]\nname = 'a'\n", "fleet.toml: accounts", "array", "docs/fleets.md"),
    "a list of words": ("accounts = ['a']\n", "fleet.toml: account 1", "object", "docs/fleets.md"),
    "no name": ("[[accounts]]\ncustomers = ['a']\n", "fleet.toml: account 1", "name", "docs/fleets.md"),
    "a bad name": (NORTH.replace("north", "a b"), "fleet.toml: account a b", "no name", "letters, digits"),
    "a name that is a path": (NORTH.replace('"north"', '"../x"'), "fleet.toml: account ../x", "no name", "letters"),
    "a number": (NORTH + SOUTH + "key_file = 5\n", "fleet.toml: account south: key_file", "Expected `str`", "fleets"),
    "an unknown field": (
        NORTH + "custommers = ['x']\n",
        "fleet.toml: account north: custommers",
        "not known",
        "did you mean customers?",
    ),
    "an unknown field of the fleet": (
        "at_onec = 3\n" + NORTH,
        "fleet.toml: at_onec",
        "not known",
        "did you mean at_once?",
    ),
    "a strange field": ("zzz = 1\n" + NORTH, "fleet.toml: zzz", "not known", "accounts, at_once, settings"),
    "a section without settings": (
        NORTH + "limits.limit = ['1/1s']\n",
        "fleet.toml: account north: limits",
        "not known",
        "write it as settings.limits",
    ),
    "an unknown setting": (
        NORTH + "settings.upload.uplaoders = 2\n",
        "fleet.toml: account north: settings: [upload] uplaoders",
        "not a setting",
        "did you mean uploaders?",
    ),
    "an unknown common setting": (
        "[settings.upload]\nuplaoders = 2\n" + NORTH,
        "fleet.toml: settings: [upload] uplaoders",
        "not a setting",
        "did you mean uploaders?",
    ),
    "a value that does not fit": (
        NORTH + "settings.upload.uploaders = 'many'\n",
        "fleet.toml: account north: settings: [upload] uploaders",
        "does not fit",
        "the default is",
    ),
    "a bad url": (
        NORTH + "settings.api.base_url = 'masivo'\n",
        "fleet.toml: account north: settings: [api] base_url",
        "URL",
        "https://",
    ),
    "a name twice": (NORTH + NORTH, "fleet.toml: account north", "this name twice", "a name of its own"),
    "a name in capitals": (
        NORTH + NORTH.replace('"north"', '"North"'),
        "fleet.toml: account North",
        "this name twice",
        "a name of its own",
    ),
    "a state directory twice": (
        NORTH + 'state_dir = "s"\n' + SOUTH + 'state_dir = "./x/../s"\n',
        "fleet.toml: account south: state_dir",
        "the state directory of north",
        "a state_dir of its own",
    ),
    "a state directory inside another": (
        NORTH + 'state_dir = "s"\n' + SOUTH + 'state_dir = "s/a/../south/b"\n',
        "fleet.toml: account south: state_dir",
        "inside that of north: s/a/../south/b",
        "beside each other; without state_dir, it is fleet-state/NAME",
    ),
    "a state directory around another": (
        NORTH + SOUTH + 'state_dir = "fleet-state"\n',
        "fleet.toml: account south: state_dir",
        "around that of north: fleet-state",
        "beside each other; without state_dir, it is fleet-state/NAME",
    ),
    "a state directory around all": (
        NORTH + 'state_dir = "x"\n' + SOUTH + 'state_dir = "."\n',
        "fleet.toml: account south: state_dir",
        "around that of north: .",
        "beside each other",
    ),
    "the default of another": (
        NORTH + SOUTH + 'state_dir = "fleet-state/north"\n',
        "fleet.toml: account south: state_dir",
        "the state directory of north",
        "a state_dir of its own",
    ),
    "a state directory for all": (
        "[settings.state]\nstate_dir = 's'\n" + NORTH,
        "fleet.toml: settings: [state] state_dir",
        "cannot have state_dir",
        "write state_dir in [[accounts]]",
    ),
    "a state directory as a setting": (
        NORTH + "settings.state.state_dir = 's'\n",
        "fleet.toml: account north: settings: [state] state_dir",
        "cannot have state_dir",
        "write state_dir in [[accounts]]",
    ),
    "a monitor of one account": (
        NORTH + "settings.monitor.monitor = '8080'\n",
        "fleet.toml: account north: settings: [monitor] monitor",
        "cannot have monitor",
        "write it below [settings]",
    ),
    "a key file twice": (
        NORTH + 'key_file = "k"\n' + SOUTH + 'key_file = "./k"\n',
        "fleet.toml: account south: key_file",
        "the key of north: ./k",
        "its own key as key_file",
    ),
    "a key variable twice": (
        NORTH + SOUTH + 'key_variable = "MASIVO_API_KEY_NORTH"\n',
        "fleet.toml: account south: key_variable",
        "the key of north: MASIVO_API_KEY_NORTH",
        "its own key as key_variable",
    ),
    "names with the same variable": (
        NORTH.replace('"north"', '"a-b"') + SOUTH.replace('"south"', '"a_b"'),
        "fleet.toml: account a_b: key_variable",
        "the key of a-b: MASIVO_API_KEY_A_B",
        "its own key as key_variable",
    ),
    "an export without brackets": (
        NORTH + 'events = "e.ndjson"\n',
        "fleet.toml: account north: events",
        "Expected `array`",
        'events = ["e.ndjson"]',
    ),
    "a URL without brackets": (
        NORTH + 'events = "https://u:p@host/e.ndjson?signature"\n',
        "fleet.toml: account north: events",
        "Expected `array`",
        'events = ["https://host/e.ndjson"]',
    ),
    "a key file and a variable": (
        NORTH + 'key_file = "k"\nkey_variable = "K"\n',
        "fleet.toml: account north: key_variable",
        "a key file and a variable",
        "only one of them",
    ),
    "nothing to read": (
        '[[accounts]]\nname = "north"\n',
        "fleet.toml: account north",
        "names no export",
        "customers, events or transactions",
    ),
    "standard input": (
        NORTH.replace('"north.ndjson"', '"-"'),
        "fleet.toml: account north: customers",
        "standard input",
        "to a file",
    ),
    "none at once": ("at_once = 0\n" + NORTH, "fleet.toml: at_once", "out of range: 0", "from 1 to 1000"),
    "too many at once": ("at_once = 1001\n" + NORTH, "fleet.toml: at_once", "out of range: 1001", "from 1 to 1000"),
    "no TOML": ("accounts: []\n", "fleet.toml", "is not TOML", "config.example.toml"),
}


@pytest.mark.parametrize(("text", "place", "what", "remedy"), WRONG.values(), ids=WRONG.keys())
def test_an_error_names_its_place_and_remedy(text, place, what, remedy, write):
    """The file, the account, the field; what is wrong; what to write instead."""
    with pytest.raises(ConfigurationError) as caught:
        load(write(text))
    assert caught.value.place == place
    assert what in str(caught.value)
    assert remedy in caught.value.hint


def test_a_state_directory_is_inside_another_by_a_link(write, tmp_path):
    """The directories that the paths lead to are compared; names that only begin alike are no such directories."""
    (tmp_path / "s").mkdir()
    (tmp_path / "link").symlink_to("s")
    with pytest.raises(ConfigurationError, match="inside that of north: link/x"):
        load(write(NORTH + 'state_dir = "s"\n' + SOUTH + 'state_dir = "link/x"\n'))
    assert load(write(NORTH + 'state_dir = "s/a"\n' + SOUTH + 'state_dir = "s/ab"\n')).accounts


def test_a_missing_file_is_named(write):
    """The hint does not speak of another flag."""
    with pytest.raises(ConfigurationError) as caught:
        load("nowhere.toml")
    assert caught.value.place == "nowhere.toml"
    assert "--config" not in caught.value.hint


def test_an_account_behind_the_path_is_named_as_only(write):
    """As `--fleet FILE:NAME` has it."""
    write(NORTH)
    with pytest.raises(ConfigurationError) as caught:
        load("fleet.toml:north")
    assert caught.value.hint == "write the account as fleet.toml --only north"


def test_one_key_at_two_addresses_opens_two_accounts(write):
    """A test system and production may have the same key."""
    file = write(
        NORTH + 'key_file = "k"\n' + SOUTH + 'key_file = "k"\nsettings.api.base_url = "https://test.example/v1"\n'
    )
    assert len(load(file).accounts) == 2


def test_keys_of_a_fleet_are_no_settings(write):
    """Their variables begin like a setting that is misspelt."""
    variables = {"MASIVO_API_KEY_N": "x", "MASIVO_API_KEY_NORTH": "y"}
    (north,) = load(write(NORTH), variables).accounts
    assert revealed(north) == "y"


def test_each_account_publishes_into_a_folder_of_its_own(write):
    """Named after it, wherever the folder of all was named; an account's own folder is taken as it is."""
    file = write(
        '[settings.state]\npublish = "s3://all/1/"\n' + NORTH + SOUTH + 'settings.state.publish = "s3://south"\n'
    )
    assert [each.settings.state.publish for each in load(file).accounts] == ["s3://all/1/north", "s3://south"]
    given = load(file, publish="s3://given").accounts
    assert [each.settings.state.publish for each in given] == ["s3://given/north", "s3://given/south"]
    assert [each.settings.state.publish for each in load(write(NORTH)).accounts] == [""]


def test_the_example_is_a_fleet_file(write):
    """Every field of it is known, and what is commented out is the default or an example that fits."""
    text = (Path(__file__).parents[2] / "fleet.example.toml").read_text()
    fleet = load(write(text))
    assert [(each.name, each.directory) for each in fleet.accounts] == [("north", ""), ("south", "prepared/south")]
    loud = re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE).replace('key_variable = "NORTH_KEY"\n', "")
    assert load(write(loud)).at_once == 1000
