"""What is said about a wrong setting: with what it says put in, the command works."""

import re
from pathlib import Path

import pytest
from advice_tools import QUICK, arrived, make_exports, named, told
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
"""Of an authority made for this test; nobody keeps its key."""
EXAMPLE = Path(__file__).parent.parent.parent / "config.example.toml"


@pytest.fixture
def work(tmp_path):
    """A working directory with three records of each kind."""
    return make_exports(tmp_path)


def plan(work, *arguments, file="", **environment):
    """Plan with some flags, some of the environment, and a file of settings."""
    if file:
        (work / "c.toml").write_text(file)
        arguments = ("--config", "c.toml", *arguments)
    return run("plan", "--customers", "customers.ndjson", *arguments, cwd=work, **environment)


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        ({"MASIVO_BASE_ULR": "x"}, "did you mean {…}?", lambda name: ((), {name: "http://localhost/v1"}, "")),
        (("--proxy", "socks5://p"), "a proxy is named like {…}", lambda url: (("--proxy", url), {}, "")),
        (("--limit", "none"), "name the account's windows, such as {…}", lambda like: (("--limit", like), {}, "")),
        (("--base-url", "here"), "such as {…}", lambda url: (("--base-url", url), {}, "")),
        (("--base-url", "https://a.example/v1?x=1"), "such as {…}", lambda url: (("--base-url", url), {}, "")),
        (
            ("--base-url", "http://a.example/v1"),
            "use https:// (http:// is for this machine only)",
            lambda: (("--base-url", "https://a.example/v1"), {}, ""),
        ),
        ({"MASIVO_FIRST_DELAY": "90"}, "lower it", lambda: ((), {"MASIVO_FIRST_DELAY": "9"}, "")),
        ({"MASIVO_HEADERS": "x-api-key=k"}, "the client sets it itself", lambda: ((), {}, "")),
        (
            {"MASIVO_HEADERS": "x account=k"},
            "a name of letters, digits and -, printable text",
            lambda: ((), {"MASIVO_HEADERS": "x-account=k"}, ""),
        ),
        ("[upload]\nuploders = 3", "did you mean {…}?", lambda name: ((), {}, f"[upload]\n{name} = 3")),
        ("[uplod]\nuploaders = 3", "did you mean {…}?", lambda name: ((), {}, f"[{name}]\nuploaders = 3")),
        (
            "[api]\nuploaders = 3",
            "it stands in section [{…}]",
            lambda section: ((), {}, f"[{section}]\nuploaders = 3"),
        ),
        ("[zzz]\nuploaders = 3", "there are: {…}", lambda names: ((), {}, f"[{names.split(', ')[2]}]\nuploaders = 3")),
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
def test_a_wrong_setting_is_right_as_it_is_told(wrong, says, right, work):
    """Flag, variable or file: what is named in its place is taken."""
    given = (
        ((), wrong, "") if isinstance(wrong, dict) else ((), {}, wrong) if isinstance(wrong, str) else (wrong, {}, "")
    )
    arguments, environment, file = given
    done = plan(work, *arguments, file=file, **environment)
    assert (done.returncode, done.stdout) == (2, b"")
    arguments, environment, file = right(*told(done, says))
    done = plan(work, *arguments, file=file, **environment)
    assert done.returncode == 0, done.stderr


def test_the_forms_of_the_hints_are_those_of_the_texts(work):
    """A proxy, windows and the API's address, in full."""
    for arguments, says in (
        (("--proxy", "socks5://p"), "a proxy is named like http://proxy.example:3128"),
        (("--limit", "none"), "name the account's windows, such as 1/5s,1000/h"),
        (("--base-url", "here"), "such as https://app.masivo.ai/api/storefront/v1"),
    ):
        told(plan(work, *arguments), says)


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--uploaders", "0"), ("--unknown-fields", "perhaps"), ("--limit", "often"), ("--drain-time", "-1")],
)
def test_the_default_that_is_named_is_taken(flag, value, work):
    """And so is each of the words that are listed."""
    done = plan(work, flag, value)
    assert done.returncode == 2
    default, _, words = "".join(told(done, "the default is {…}{…}; see config.example.toml")).partition(", one of ")
    for word in filter(None, [default.strip("'"), *words.split(", ")]):
        assert plan(work, flag, word).returncode == 0


@pytest.mark.parametrize("leaf", [(section, name) for section, names in leaves().items() for name in names])
def test_every_default_that_is_named_is_taken_where_the_wrong_value_stood(leaf, tmp_path):
    """In the environment and in a file: what the hint quotes can be put there as it stands."""
    section, name = leaf
    variable = f"MASIVO_{name.upper()}"
    for wrong in ("often", "-1", "many things"):
        try:
            load_settings(environment={variable: wrong})
        except ConfigurationError as error:
            found = re.fullmatch(r"the default is (.*?)(, one of .*)?; see config.example.toml", error.hint)
            if found is None:  # a text, whose form is judged later
                continue
            default = found[1]
            assert load_settings(environment={variable: default.strip("'")}) == Settings()
            file = tmp_path / "c.toml"
            file.write_text(f"[{section}]\n{name} = {default}\n")
            assert load_settings(str(file)) == Settings()


def test_a_key_in_the_address_goes_into_the_environment(served, work):
    """The address without it, and the variable that is named: everything arrives."""
    host, state = served.url.removeprefix("http://"), ("--limit", "none", "--state-dir", work / "state")
    done = run("migrate", *named(work), "--base-url", f"http://{served.key}@{host}", *state)
    assert (done.returncode, served.key.encode() in done.stderr) == (2, False)
    told(done, "put the key into MASIVO_API_KEY")
    done = run("migrate", *named(work), "--base-url", served.url, *state, MASIVO_API_KEY=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    arrived(served, work)


def test_certificates_are_those_of_authorities(served, work):
    """A file that holds none is told what it holds; one in PEM form is taken, and everything arrives."""
    flags = [*named(work), "--base-url", served.url, "--limit", "none", "--state-dir", work / "state"]
    (work / "ca").write_text("no certificate")
    done = run("migrate", *flags, "--ca-file", work / "ca", key=served.key)
    assert done.returncode == 2
    told(done, "it holds certificates in PEM form")
    (work / "ca").write_text(PEM)
    done = run("migrate", *flags, "--ca-file", work / "ca", key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    arrived(served, work)
