"""Advice about a wrong setting: if it is followed, the command works."""

import re
from pathlib import Path

import pytest
from advice_tools import QUICK, arrived, expect_advice, make_exports, named, paste
from end_to_end_tools import run

from masivo_stream.edges.config import leaves, load_settings
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import Settings

pytestmark = pytest.mark.slow

PEM = """-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUf/DTcYhd/irQ7rrfqz01672moncwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkxNTE4MjFaGA8yMTI2MTEwNTE1MTgy
MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBcn
syUhWxx/ksgITY1HhF0HoFePzSPlhcFyFMXsx+h+WKPVxkBTACGq2JRdcZERY0fP
gNsQ6Vx3Bf1CreMbeCajUzBRMB0GA1UdDgQWBBSk8MMZjfA3wTsnPqnZd4w9bRtZ
CDAfBgNVHSMEGDAWgBSk8MMZjfA3wTsnPqnZd4w9bRtZCDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDRxT6F4L1186KJkVqw6yfwmOySJiQ8nUiB
CH151o0ynQIgR84JzWiZMmg0JzYLe9cg5nncLuTr2vrlvgTz6+U/RYo=
-----END CERTIFICATE-----
"""
"""A certificate of an authority made for this test; its key is not kept."""
EXAMPLE = Path(__file__).parent.parent.parent / "config.example.toml"


@pytest.fixture
def work(tmp_path):
    """A working directory with three records of each kind."""
    return make_exports(tmp_path)


def plan(work, *arguments, file="", **environment):
    """Plan with some flags, some environment variables, and a file of settings."""
    if file:
        (work / "c.toml").write_text(file)
        arguments = ("--config", "c.toml", *arguments)
    return run("plan", "--customers", "customers.ndjson", *arguments, cwd=work, **environment)


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        ({"MASIVO_BASE_ULR": "x"}, "did you mean {…}?", lambda name: ((), {name: "http://localhost/v1"}, "")),
        (("--proxy", "socks5://p"), "write the proxy like {…}", lambda url: (("--proxy", url), {}, "")),
        (("--limit", "none"), "give the account's limits, for example {…}", lambda like: (("--limit", like), {}, "")),
        (("--base-url", "here"), "write it like {…}", lambda url: (("--base-url", url), {}, "")),
        (("--base-url", "https://a.example/v1?x=1"), "write it like {…}", lambda url: (("--base-url", url), {}, "")),
        (
            ("--base-url", "http://a.example/v1"),
            "use https:// (http:// is for this machine only)",
            lambda: (("--base-url", "https://a.example/v1"), {}, ""),
        ),
        (
            {"MASIVO_FIRST_DELAY": "90"},
            "lower first_delay, or raise longest_delay",
            lambda: ((), {"MASIVO_FIRST_DELAY": "9"}, ""),
        ),
        (
            {"MASIVO_NOTIFY": "hooks.example.com/x"},
            "write it like https://hooks.example.com/PATH",
            lambda: ((), {"MASIVO_NOTIFY": "https://hooks.example.com/x"}, ""),
        ),
        (
            {"MASIVO_NOTIFY_COMMAND": "~/page-me | tee log"},
            "write the path of a program and its arguments as in a shell; for more than that, give a script",
            lambda: ((), {"MASIVO_NOTIFY_COMMAND": "/bin/sh page-me.sh"}, ""),
        ),
        (("--time-zone", "Europe/Madird"), "did you mean {…}?", lambda name: (("--time-zone", name), {}, "")),
        (
            ("--time-zone", "nowhere"),
            "write an IANA name, such as Europe/Madrid or UTC",
            lambda: (("--time-zone", "Europe/Madrid"), {}, ""),
        ),
        (
            "[limits]\nlimit = ['08:00-20:00 pause', '20:00-08:00 pause']",
            "leave some hours of the day without a pause, or stop the run with masivo-stream pause",
            lambda: ((), {}, "[limits]\nlimit = ['08:00-20:00 pause']"),
        ),
        ({"MASIVO_HEADERS": "x-api-key=k"}, "the client sets this header itself", lambda: ((), {}, "")),
        (
            {"MASIVO_HEADERS": "x account=k"},
            "use letters, digits and - for the name, and printable text for the value",
            lambda: ((), {"MASIVO_HEADERS": "x-account=k"}, ""),
        ),
        ("[upload]\nuploders = 3", "did you mean {…}?", lambda name: ((), {}, f"[upload]\n{name} = 3")),
        ("[uplod]\nuploaders = 3", "did you mean {…}?", lambda name: ((), {}, f"[{name}]\nuploaders = 3")),
        (
            "[api]\nuploaders = 3",
            "it belongs in section [{…}]",
            lambda section: ((), {}, f"[{section}]\nuploaders = 3"),
        ),
        (
            "[zzz]\nuploaders = 3",
            "the known names are: {…}",
            lambda names: ((), {}, f"[{names.split(', ')[2]}]\nuploaders = 3"),
        ),
        (
            "[api]\napi_key = 'k'",
            "set {…} in the environment",
            lambda name: ((), {name: "9d7e3d8f-0000-4000-8000-000000000000"}, ""),
        ),
        (("--config", "nowhere.toml"), "check the path given with --config", lambda: ((), {}, "[api]")),
        ("[api", "see config.example.toml", lambda: ((), {}, EXAMPLE.read_text())),
        ("api = 3", "see config.example.toml", lambda: ((), {}, EXAMPLE.read_text())),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_corrected_as_its_hint_says(wrong, says, right, work):
    """A flag, a variable or a file: the suggested value is accepted."""
    given = (
        ((), wrong, "") if isinstance(wrong, dict) else ((), {}, wrong) if isinstance(wrong, str) else (wrong, {}, "")
    )
    arguments, environment, file = given
    done = plan(work, *arguments, file=file, **environment)
    assert (done.returncode, done.stdout) == (2, b"")
    arguments, environment, file = right(*expect_advice(done, says))
    done = plan(work, *arguments, file=file, **environment)
    assert done.returncode == 0, done.stderr


SECTIONS = "[upload]\nuploaders = 3\n"


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        (b'{"upload": {"uploaders": 3}}', "write sections and values as in config.example.toml", SECTIONS),
        (b"upload:\n  uploaders: 3\n", "write sections and values as in config.example.toml", SECTIONS),
        (SECTIONS.encode("utf-16"), "save it as UTF-8", SECTIONS),
        (SECTIONS.encode("utf-16-le"), "save it as UTF-8", SECTIONS),
        (SECTIONS.replace("\n", "\r").encode(), "save it with line feeds", SECTIONS),
        (
            b"; a comment\n[upload]\nuploaders = 3\n",
            "begin comments with #, and put text in quotes; see config.example.toml",
            "# a comment\n" + SECTIONS,
        ),
        (
            b"[api]\nbase_url = https://a.example/v1\n",
            'put text in quotes, for example base_url = "https://api.example.com"; see config.example.toml',
            '[api]\nbase_url = "https://a.example/v1"\n',
        ),
        (b"uploaders = 3\n", "write {…} below [{…}]", SECTIONS),
        (b"[Upload]\nuploaders = 3\n", "write [{…}]", SECTIONS),
    ],
)
def test_a_settings_file_of_another_tool_is_rewritten(wrong, says, right, work):
    """Written as the hint says, the setting is accepted."""
    (work / "c.toml").write_bytes(wrong)
    done = plan(work, "--config", "c.toml")
    assert done.returncode == 2, done.stderr
    expect_advice(done, says)
    (work / "c.toml").write_text(right)
    assert plan(work, "--config", "c.toml").returncode == 0


@pytest.mark.parametrize("way", ["environment", "file"])
def test_a_list_of_variables_is_read_by_a_shell_or_rewritten(way, work):
    """The quoted line is pasted with the file's name; or the file has sections and values."""
    (work / "env").write_text("MASIVO_UPLOADERS=3\nexport MASIVO_WORKERS=1\n")
    done = plan(work, "--config", "env")
    assert done.returncode == 2
    expect_advice(
        done,
        "set these variables in the environment (in a shell: `set -a; . FILE; set +a`), or write sections and values"
        " as in config.example.toml",
    )
    command = "masivo-stream plan --customers customers.ndjson"
    if way == "environment":
        done = paste(f"set -a; . ./env; set +a; {command}", cwd=work)
    else:
        (work / "env").write_text("[upload]\nuploaders = 3\nworkers = 1\n")
        done = paste(f"{command} --config env", cwd=work)
    assert done.returncode == 0, done.stderr


def test_an_empty_state_directory_gets_a_name(work):
    """The default is one such name."""
    done = plan(work, "--state-dir", "")
    assert done.returncode == 2
    expect_advice(done, "name a directory; the default is masivo-state")
    assert plan(work, "--state-dir", "masivo-state").returncode == 0


def test_the_hints_show_complete_examples(work):
    """A proxy, rate windows, and the API's address, all complete."""
    for arguments, says in (
        (("--proxy", "socks5://p"), "write the proxy like http://proxy.example:3128"),
        (("--limit", "none"), "give the account's limits, for example 1/5s,1000/h"),
        (("--base-url", "here"), "write it like https://app.masivo.ai/api/storefront/v1"),
    ):
        expect_advice(plan(work, *arguments), says)


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--uploaders", "0"), ("--unknown-fields", "perhaps"), ("--limit", "often"), ("--drain-time", "-1")],
)
def test_the_named_default_is_accepted(flag, value, work):
    """Each of the listed words is accepted, too."""
    done = plan(work, flag, value)
    assert done.returncode == 2
    default, _, words = "".join(expect_advice(done, "the default is {…}{…}; see config.example.toml")).partition(
        ", one of "
    )
    for word in filter(None, [default.strip("'"), *words.split(", ")]):
        assert plan(work, flag, word).returncode == 0


@pytest.mark.parametrize("leaf", [(section, name) for section, names in leaves().items() for name in names])
def test_every_named_default_is_accepted_in_place_of_the_wrong_value(leaf, tmp_path):
    """In the environment and in a file, the quoted value can be used as it is written."""
    section, name = leaf
    variable = f"MASIVO_{name.upper()}"
    for wrong in ("often", "-1", "many things"):
        try:
            load_settings(environment={variable: wrong})
        except ConfigurationError as error:
            found = re.fullmatch(r"the default is (.*?)(, one of .*)?; see config.example.toml", error.hint)
            if found is None:  # a text, whose form is checked later
                continue
            default = found[1]
            assert load_settings(environment={variable: default.strip("'")}) == Settings()
            file = tmp_path / "c.toml"
            file.write_text(f"[{section}]\n{name} = {default}\n")
            assert load_settings(str(file)) == Settings()


def test_a_key_in_the_address_moves_to_the_environment(served, work):
    """The key leaves the address, and goes into the named variable. Then everything arrives."""
    host, state = served.url.removeprefix("http://"), ("--limit", "none", "--state-dir", work / "state")
    done = run("migrate", *named(work), "--base-url", f"http://{served.key}@{host}", *state)
    assert (done.returncode, served.key.encode() in done.stderr) == (2, False)
    expect_advice(done, "put the key into MASIVO_API_KEY")
    done = run("migrate", *named(work), "--base-url", served.url, *state, MASIVO_API_KEY=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    arrived(served, work)


def test_a_certificate_file_of_authorities_is_accepted(served, work):
    """The message about the wrong file says what a right one holds.

    One in PEM form is accepted, and everything arrives.
    """
    flags = [*named(work), "--base-url", served.url, "--limit", "none", "--state-dir", work / "state"]
    (work / "ca").write_text("no certificate")
    done = run("migrate", *flags, "--ca-file", work / "ca", key=served.key)
    assert done.returncode == 2
    expect_advice(done, "it must hold certificates in PEM form")
    (work / "ca").write_text(PEM)
    done = run("migrate", *flags, "--ca-file", work / "ca", key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    arrived(served, work)
