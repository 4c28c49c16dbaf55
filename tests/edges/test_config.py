"""Settings: what overrides what, and errors with place and remedy, without what may be a secret."""

import traceback

import pytest
from msgspec import inspect

from masivo_stream.edges.config import is_loopback, is_vendor, leaves, load_settings
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.max_dead import parse_max_deads
from masivo_stream.model.settings import Settings
from masivo_stream.model.window import Window, parse_timed_windows

HIDDEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
LEAVES = [(section, name) for section, names in leaves().items() for name in names]


def of(settings, section, name):
    return getattr(getattr(settings, section), name)


def three_values(section, name):
    """Return three different values that fit the setting, none of them its default, as texts."""
    special = {
        "base_url": ["https://a.example/v1", "https://b.example/v1", "https://c.example/v1"],
        "auth_url": ["https://a.example/auth", "https://b.example/auth", "https://c.example/auth"],
        "proxy": ["http://a.example:1", "http://b.example:2", "http://c.example:3"],
        "headers": ["x-a=1", "x-b=2", "x-c=3,x-d=4"],
        "limit": ["1/7s", "2/7s", "3/7s,9/d"],
        "general_limit": ["1/7s", "2/7s", "3/7s"],
        "first_delay": ["2", "3", "4.5"],
        "max_line_bytes": ["5000", "6000", "7000"],
        "max_body_bytes": ["5000", "6000", "7000"],
        "block_bytes": ["5000", "6000", "7000"],
        "longest_delay": ["61", "62", "63.5"],
        "notify": ["http://a.example/x", "https://b.example", "https://c.example/?y=1"],
        "notify_command": ["true", "false --x", "cat 'a b'"],
        "time_zone": ["Europe/Madrid", "UTC", "Asia/Kathmandu"],
        "publish": ["s3://one", "gs://two/folder", "az://three/a/b"],
    }
    if name in special:
        return special[name]
    kind = leaves()[section][name].type
    match kind:
        case inspect.LiteralType():
            default = of(Settings(), section, name)
            others = [value for value in kind.values if value != default]
            return [others[0], others[1] if len(others) > 1 else default, others[0]]
        case inspect.StrType():
            return ["one", "two", "three"]
        case inspect.BoolType():
            return ["true", "false", "true"]
        case _:
            return ["7", "8", "9"]


def as_toml(section, name, text):
    kind = leaves()[section][name].type
    match kind:
        case inspect.IntType() | inspect.FloatType() | inspect.BoolType():
            value = text
        case inspect.DictType():
            pairs = (part.split("=") for part in text.split(","))
            value = "{" + ", ".join(f'"{key}" = "{value}"' for key, value in pairs) + "}"
        case inspect.VarTupleType():
            value = "[" + ", ".join(f'"{part}"' for part in text.split(",")) + "]"
        case _:
            value = f'"{text}"'
    return f"[{section}]\n{name} = {value}\n"


def text_of(error):
    """Return all that the error can put on a screen."""
    return "".join([str(error), error.place, error.hint, error.operation])


def wrong(file=None, environment=None, flags=None):
    """Return the error that these settings are."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, environment=environment, flags=flags)
    return caught.value


@pytest.fixture
def toml(tmp_path):
    def write(text):
        file = tmp_path / "config.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    return write


# What overrides what.


@pytest.mark.parametrize(("section", "name"), LEAVES)
def test_flags_override_the_environment_the_file_and_the_defaults(toml, section, name):
    """For every setting; and each way of giving it means the same value."""
    first, second, third = three_values(section, name)
    file, variable = toml(as_toml(section, name, first)), {f"MASIVO_{name.upper()}": second}

    def value(*arguments, **keywords):
        return of(load_settings(*arguments, **keywords), section, name)

    by_flag = [value(flags={name: text}) for text in (first, second, third)]
    default = of(Settings(), section, name)
    assert value() == default
    assert value(file) == by_flag[0] != default
    assert value(file, environment=variable) == by_flag[1] != by_flag[0]
    assert value(file, environment=variable, flags={name: third}) == by_flag[2] != by_flag[1]
    assert value(file, environment=variable, flags={name: None}) == by_flag[1]


def test_settings_of_several_layers_are_merged(toml):
    """A layer overrides the leaf it names, not its section."""
    file = toml('[upload]\nuploaders = 3\n[api]\nbase_url = "https://a.example"\n')
    settings = load_settings(file, environment={"MASIVO_HAND_OFF": "5"}, flags={"request_timeout": 9})
    assert (settings.upload.uploaders, settings.upload.hand_off) == (3, 5)
    assert (settings.api.base_url, settings.api.request_timeout) == ("https://a.example", 9.0)


def test_leaf_names_are_unique():
    """They are flags and variables, where there is no section."""
    names = [name for _, name in LEAVES]
    assert sorted(names) == sorted(set(names))


def test_settings_that_are_not_given_are_the_defaults():
    """No file, no environment, no flags."""
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ('["1/5s", "1000/h"]', (Window(1, 5.0), Window(1000, 3600.0))),
        ('"1/5s,1000/h"', (Window(1, 5.0), Window(1000, 3600.0))),
        ('"none"', ()),
        ("[]", ()),
    ],
)
def test_windows_have_several_spellings(toml, text, windows):
    """A list or a text, and "none"."""
    file = toml(f'[api]\nbase_url = "http://localhost"\n[limits]\nlimit = {text}\n')
    assert load_settings(file).limits.limit == windows


DAY_TIME, NIGHT = parse_timed_windows("08:00-20:00 1/30s,22:00-06:00 pause")


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ('["1/5s", "08:00-20:00 1/30s"]', (Window(1, 5.0), DAY_TIME)),
        ('["08:00-20:00 1/30s", "22:00-06:00 pause"]', (Window(1, 5.0), Window(1000, 3600.0), DAY_TIME, NIGHT)),
        ('"08:00-20:00 1/30s"', (Window(1, 5.0), Window(1000, 3600.0), DAY_TIME)),
        ('["none", "08:00-20:00 1/30s"]', (DAY_TIME,)),
    ],
)
def test_the_usual_windows_hold_beside_those_with_hours(toml, text, windows):
    """Unless one is given that always holds, or `none`."""
    file = toml(
        f'[api]\nbase_url = "http://localhost"\n[limits]\nlimit = {text}\ngeneral_limit = ["08:00-20:00 9/h"]\n'
    )
    limits = load_settings(file).limits
    assert limits.limit == windows
    assert [str(window) for window in limits.general_limit] == ["08:00-20:00 9/h"]


def test_hours_alone_are_no_limit_for_the_vendors_hosts():
    """At other hours there would be none."""
    assert str(wrong(flags={"limit": "none,08:00-20:00 1/30s"})) == 'limit "none" is not for the vendor\'s hosts'


@pytest.mark.parametrize(
    "name", ["Europe/Madird", "/etc/passwd", "../UTC", "Europe", "CEST", "+02:00", "x" * 300, "\0"]
)
def test_an_unknown_time_zone_is_refused(name):
    """Whatever it leads to on the disk."""
    error = wrong(flags={"time_zone": name})
    assert (str(error), error.place) == ("time_zone is no time zone", "--time-zone")
    assert ("did you mean Europe/Madrid?" if name == "Europe/Madird" else "?") in error.hint or "IANA" in error.hint


@pytest.mark.parametrize("name", ["", "Europe/Madrid", "UTC", "America/Argentina/Buenos_Aires"])
def test_time_zones_have_iana_names(name):
    """Without a name it is this machine's."""
    assert load_settings(flags={"time_zone": name}).limits.time_zone == name


@pytest.mark.parametrize("name", ["limit", "general_limit"])
def test_pauses_leave_some_time_to_send(name):
    """A migration that can never send anything would seem to hang."""
    error = wrong(flags={name: "08:00-20:00 pause,20:00-08:00 pause"})
    assert (error.place, "ever be sent" in str(error)) == (f"--{name.replace('_', '-')}", True)
    load_settings(flags={name: "08:00-20:00 pause,20:01-08:00 pause"})


@pytest.mark.parametrize(
    ("text", "budgets"),
    [
        ('["100", "customers=0.5%"]', "100,customers=0.5%"),
        ('[100, "customers=0.5%"]', "100,customers=0.5%"),
        ('"100, customers=0.5%"', "100,customers=0.5%"),
        ("0", "0"),
        ('"none"', "none"),
        ("[]", "none"),
    ],
)
def test_error_budgets_have_several_spellings(toml, text, budgets):
    """A list, a text or a number, and "none"."""
    assert load_settings(toml(f"[validation]\nmax_dead = {text}\n")).validation.max_dead == parse_max_deads(budgets)


def test_a_flag_removes_the_budget_of_a_file(toml):
    """It counts first, as always."""
    file = toml("[validation]\nmax_dead = 5\n")
    assert load_settings(file, flags={"max_dead": "none"}).validation.max_dead == ()
    assert load_settings(file, environment={"MASIVO_MAX_DEAD": "1%"}).validation.max_dead == parse_max_deads("1%")


# Mistakes in the file.


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[uplaod]\nuploaders = 1\n", "has no section [uplaod]", "did you mean upload?"),
        ("uploaders = 1\n", "has uploaders outside a section", ""),
        ("upload = 1\n", "[upload] is a section, not a value", ""),
        ("[[upload]]\nuploaders = 1\n", "[upload] is a section, not a value", ""),
        ("[upload]\nuploader = 1\n", "[upload] uploader is not a setting", "did you mean uploaders?"),
        ("[upload]\nbase_url = 'x'\n", "[upload] base_url is not a setting", "it belongs in section [api]"),
        ("[upload]\nzzz = 1\n", "[upload] zzz is not a setting", "the known names are: uploaders, hand_off"),
        ("[upload]\nuploaders = 'two'\n", "[upload] uploaders does not fit: Expected `int`", "the default is 2"),
        ("[upload]\nuploaders = 0\n", "[upload] uploaders does not fit: Expected `int` >= 1", "the default is 2"),
        ("[upload]\nuploaders = 2.5\n", "[upload] uploaders does not fit: Expected `int`", "the default is 2"),
        ("[upload]\nuploaders = true\n", "[upload] uploaders does not fit: Expected `int`", "the default is 2"),
        ("[upload]\nuploaders = '2'\n", "[upload] uploaders does not fit: Expected `int`", "the default is 2"),
        ("[api]\nrequest_timeout = nan\n", "[api] request_timeout does not fit", "the default is 60"),
        ("[api]\nrequest_timeout = inf\n", "[api] request_timeout does not fit", "the default is 60"),
        ("[api]\nheaders = { x = 1 }\n", "[api] headers does not fit: Expected `str`", ""),
        ("[limits]\nlimit = 5\n", "[limits] limit does not fit: expected a list of windows", "1/5s,1000/h"),
        ("[limits]\nlimit = ['fast']\n", "[limits] limit does not fit: a window is", "1/5s,1000/h"),
        ("[validation]\nmax_dead = true\n", "max_dead does not fit: expected a list of budgets", "'none'"),
        ("[validation]\nmax_dead = [0.5]\n", "max_dead does not fit: expected a list of budgets", "'none'"),
        ("[validation]\nmax_dead = ['half']\n", "max_dead does not fit: a budget is a number or a", "'none'"),
        ("[log]\nlog_level = 'loud'\n", "[log] log_level does not fit", "one of debug, error, info, warning"),
        ("[upload\n", "is not TOML: ", "config.example.toml"),
        ("a = 1\na = 2\n", "is not TOML: ", "config.example.toml"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8 text", "--config"),
        ("x = " + "[" * 3000, "is not TOML: ", "config.example.toml"),
        ("x = " + "9" * 5000, "is not TOML: ", "config.example.toml"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_mistake_in_the_file_is_reported_with_its_place(toml, text, message, hint):
    """File, section and key; the nearest name or the default as a hint."""
    file = toml(text)
    error = wrong(file)
    assert message in str(error)
    assert file in error.place
    assert file in str(error)
    assert hint in error.hint


def test_a_missing_file_is_reported(tmp_path):
    """With the system's word for it."""
    assert "cannot be read: No such file or directory" in str(wrong(f"{tmp_path}/none.toml"))
    assert "cannot be read: Is a directory" in str(wrong(str(tmp_path)))


# Mistakes in the environment and in flags.


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("MASIVO_UPLOADER", "MASIVO_UPLOADERS"),
        ("MASIVO_BASEURL", "MASIVO_BASE_URL"),
        ("MASIVO_APIKEY", "MASIVO_API_KEY"),
        ("MASIVO_STATEDIR", "MASIVO_STATE_DIR"),
        ("MASIVO_TOKENS", "MASIVO_TOKEN"),
    ],
)
def test_a_misspelt_variable_is_reported(variable, nearest):
    """One that nearly has a setting's name is a mistake, not noise."""
    error = wrong(environment={variable: HIDDEN})
    assert (error.place, error.hint) == (variable, f"did you mean {nearest}?")
    assert HIDDEN not in text_of(error)


@pytest.mark.parametrize(
    "variable",
    [
        "MASIVO_SERVICE_HOST",
        "MASIVO_SERVICE_PORT",
        "MASIVO_SERVICE_PORT_HTTP",
        "MASIVO_PORT",
        "MASIVO_PORT_8080_TCP",
        "MASIVO_PORT_8080_TCP_ADDR",
        "MASIVO_PORT_8080_TCP_PORT",
        "MASIVO_PORT_8080_TCP_PROTO",
        "MASIVO_SANDBOX_SERVICE_HOST",
        "MASIVO_SANDBOX_PORT",
        "MASIVO_STREAM_SERVICE_HOST",
        "MASIVO_STREAM_PORT_80_TCP",
        "MASIVO_API_KEY",
        "MASIVO_TOKEN",
        "MASIVO_CONFIG",
        "MASIVO",
        "UPLOADERS",
        "masivo_uploaders",
        "MY_MASIVO_UPLOADERS",
    ],
)
def test_other_variables_are_left_alone(variable):
    """An orchestrator's service links, the secrets, other programs' names."""
    assert load_settings(environment={variable: "tcp://10.0.0.1:80"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("uploaders", "two", "--uploaders does not fit: Expected `int`"),
        ("uploaders", "", "--uploaders does not fit: it is empty"),
        ("uploaders", 0, "--uploaders does not fit: Expected `int` >= 1"),
        ("request_timeout", "nan", "--request-timeout does not fit"),
        ("request_timeout", "1e999", "--request-timeout does not fit"),
        ("request_timeout", "-1", "--request-timeout does not fit"),
        ("limit", "1 per second", "--limit does not fit: a window is COUNT/TIME"),
        ("limit", "", "--limit does not fit: it is empty"),
        ("limit", "8-20 1/30s", "--limit does not fit: hours are HH:MM-HH:MM"),
        *(
            ("limit", value, "--limit does not fit: hours are HH:MM-HH:MM, and a window or pause follows them")
            for value in (
                *("08:00-20:00", "1/30s 08:00-20:00", "08:00-20:00,1/30s", "8am-8pm 1/30s", "8 p.m. - 6 a.m. pause"),
                *("08.00-20.00 1/30s", "8h-20h 1/5s", "08:00 to 20:00 1/5s", "08:00-20:00=1/30s"),
            )
        ),
        ("limit", "pause", '--limit does not fit: a pause has hours, such as "22:00-06:00 pause"; masivo-stream pause'),
        (
            "limit",
            "00:00-24:00 pause",
            "--limit does not fit: a pause of the whole day would send nothing; masivo-stream",
        ),
        (
            "limit",
            "08:00-8:00 pause",
            "--limit does not fit: a pause of the whole day would send nothing; masivo-stream",
        ),
        ("limit", "08:00-08:00 1/5s", "--limit does not fit: hours of a whole day are no hours"),
        ("limit", "08:00-20:00 1/30", "--limit does not fit: after the hours comes a window or pause"),
        ("limit", "none,1/5s", '--limit does not fit: "none" and a window that always holds contradict'),
        ("headers", "no-equals-sign", "--headers does not fit: expected NAME=VALUE"),
        ("log_format", "xml", "--log-format does not fit"),
    ],
)
def test_a_mistake_in_a_flag_is_reported_with_its_name(name, value, message):
    """As it is spelt on the command line; in the environment likewise."""
    error = wrong(flags={name: value})
    assert str(error).startswith(message)
    variable = f"MASIVO_{name.upper()}"
    flag = f"--{name.replace('_', '-')}"
    assert str(wrong(environment={variable: str(value)})).startswith(message.replace(flag, variable))


# Values that do not fit together, or the world.


@pytest.mark.parametrize("name", ["base_url", "auth_url"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://app.example/v1", "is not encrypted"),
        ("http://127.0.0.1.example/", "is not encrypted"),
        ("http://localhost.example/", "is not encrypted"),
        ("http://0.0.0.0/", "is not encrypted"),
        ("http://2130706433/", "is not encrypted"),
        ("http://[::ffff:10.0.0.1]/", "is not encrypted"),
        ("ftp://app.example/", "is not a URL"),
        ("app.example/v1", "is not a URL"),
        ("//app.example/v1", "is not a URL"),
        ("https:///v1", "is not a URL"),
        ("https://", "is not a URL"),
        ("https:app.example", "is not a URL"),
        ("nonsense", "is not a URL"),
        (" ", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://app.example:port/", "is not a URL"),
        ("https://app.example:99999/", "is not a URL"),
        ("https://app.example/a b", "is not a URL"),
        ("https://app.example/a\nb", "is not a URL"),
        ("https://app.example/v1\n", "is not a URL"),
        (" https://app.example/v1", "is not a URL"),
        ("https://app.example/\x00", "is not a URL"),
        ("https://user:hidden@app.example/", "holds credentials"),
        ("https://hidden@app.example/", "holds credentials"),
        ("https://@app.example/", "holds credentials"),
        ("http://localhost:80@app.example/", "holds credentials"),
        ("https://app.example/?key=hidden", "has a query or a fragment"),
        ("https://app.example/#hidden", "has a query or a fragment"),
    ],
)
def test_an_impossible_url_is_refused(name, url, message):
    """By the setting's name, without repeating it: there may be a secret in it."""
    error = wrong(flags={name: url})
    assert str(error) == f"{name} {message}"
    assert error.place == f"--{name.replace('_', '-')}"
    assert "hidden" not in text_of(error)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example:8443/api/storefront/v1/",
        "HTTPS://APP.EXAMPLE/",
        "http://localhost:8080/v1",
        "http://LOCALHOST/",
        "http://127.0.0.1:1/",
        "http://127.8.9.10/",
        "http://[::1]:8080/",
    ],
)
def test_a_possible_url_is_accepted(url):
    """Encrypted, or on this machine."""
    assert load_settings(flags={"base_url": url, "auth_url": url}).api.base_url == url


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost", True),
        ("http://127.0.0.1", True),
        ("http://[::1]", True),
        ("http://localhost.", False),
        ("http://example.com", False),
        ("http://10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine(url, loopback):
    """By name or by address."""
    assert is_loopback(url) is loopback


@pytest.mark.parametrize(
    ("url", "vendor"),
    [
        (Settings().api.base_url, True),
        ("https://masivo.ai", True),
        ("https://API.MASIVO.AI.:8443/x", True),
        ("https://user@app.masivo.ai", True),
        ("https://notmasivo.ai", False),
        ("https://masivo.ai.example.com", False),
        ("https://example.com/masivo.ai", False),
        ("http://127.0.0.1", False),
        ("", False),
    ],
)
def test_the_vendor_is_known_by_its_domain(url, vendor):
    """However a host is spelt; a name that only looks like one is not one."""
    assert is_vendor(url) is vendor


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://p.example:1080",
        "https://p.example:3128",
        "p.example:3128",
        "http://",
        "http://[",
        "http://p.example:port",
        "http://p.example:99999",
        "http://user:hidden@[",
        "http://p.exam ple:1",
    ],
)
def test_an_impossible_proxy_is_refused(proxy):
    """Before the run, not as an outage of an hour; its password is not shown."""
    error = wrong(flags={"proxy": proxy})
    assert (str(error), error.place) == ("proxy is not an http:// URL", "--proxy")
    assert "hidden" not in text_of(error)


def test_a_proxy_may_have_a_password():
    """It is the one URL that may."""
    proxy = "http://user:password@p.example:3128"
    assert load_settings(flags={"proxy": proxy}).api.proxy == proxy


@pytest.mark.parametrize(
    "header",
    [
        "Authorization",
        "authorization",
        "X-API-Key",
        "content-type",
        "Content-Length",
        "Content-Encoding",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "host",
    ],
)
def test_headers_of_the_program_cannot_be_set(toml, header):
    """Key and token have their own way, and what frames a request is not for settings."""
    error = wrong(toml(f'[api.headers]\n"{header}" = "{HIDDEN}"\n'))
    assert str(error) == f"[api] headers cannot set {header}"
    assert HIDDEN not in text_of(error)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x a", "v"),
        ("x:", "v"),
        ("", "v"),
        ("-", "v"),
        ("ñ", "v"),
        ("x\r\ny", "v"),
        ("x", "hidden\r\nx-api-key: k"),
        ("x", "hidden\x00"),
        ("x", "hidden\x1b[31m"),
    ],
)
def test_invalid_headers_are_refused(name, value):
    """No second line, no control character; the value is not shown."""
    error = wrong(flags={"headers": {name: value}})
    assert str(error) == "[api] headers has characters that no header can have"
    assert "hidden" not in text_of(error)


@pytest.mark.parametrize(
    "host",
    [
        "app.masivo.ai",
        "api.masivo.ai",
        "masivo.ai",
        "APP.Masivo.AI",
        "app.masivo.ai:443",
        "app.masivo.ai.",
        "masivo.ai.",
    ],
)
def test_the_vendors_hosts_need_a_limit(host):
    """However the host is spelt."""
    error = wrong(flags={"limit": "none", "base_url": f"https://{host}/api/storefront/v1"})
    assert (str(error), error.place) == ('limit "none" is not for the vendor\'s hosts', "--limit")


@pytest.mark.parametrize("host", ["http://127.0.0.1:8080", "https://masivo.ai.example", "https://notmasivo.ai"])
def test_other_hosts_need_no_limit(host):
    """A sandbox, a test account behind a gateway."""
    assert load_settings(flags={"limit": "none", "base_url": host}).limits.limit == ()


def test_the_default_host_needs_a_limit_too():
    """It is the vendor's."""
    assert wrong(environment={"MASIVO_LIMIT": "none"}).place == "MASIVO_LIMIT"


def test_a_mistake_is_reported_where_it_was_made(tmp_path):
    """In the file, by its section; not there, if the file leaves the default alone."""
    path = tmp_path / "c.toml"
    path.write_text('[api]\nbase_url = "nowhere"\n')
    assert wrong(str(path)).place == f"{path}: [api] base_url"
    assert wrong(str(path), environment={"MASIVO_BASE_URL": "x"}).place == "MASIVO_BASE_URL"
    path.write_text("[retry]\nlongest_delay = 0.5\n")
    assert wrong(str(path)).place == "first_delay"


def test_delays_must_be_in_order():
    """The first no longer than the longest."""
    assert wrong(flags={"first_delay": 9, "longest_delay": 8}).place == "--first-delay"
    assert load_settings(flags={"first_delay": 8, "longest_delay": 8}).retry.first_delay == 8.0


# A secret in the wrong place.


def wrongly_typed(kind):
    """Return TOML values of every type that hold the secret."""
    return [f'"{HIDDEN}"', f'["{HIDDEN}"]', f'{{ "{HIDDEN}" = 1 }}', f'{{ x = "{HIDDEN}" }}', f'[["{HIDDEN}"]]'][kind]


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize(("section", "name"), LEAVES)
def test_a_secret_in_the_wrong_place_of_the_file_is_not_shown(toml, section, name, kind):
    """Whatever the setting and however it does not fit, no message repeats the value."""
    try:
        load_settings(toml(f"[{section}]\n{name} = {wrongly_typed(kind)}\n"))
    except ConfigurationError as error:
        assert HIDDEN not in text_of(error)  # noqa: PT017 - some settings take any text
        assert HIDDEN not in "".join(traceback.format_exception(error))  # noqa: PT017 - likewise


@pytest.mark.parametrize(("section", "name"), LEAVES)
def test_a_secret_in_a_variable_or_flag_is_not_shown(section, name):
    """Pasted one line too low."""
    for text in (HIDDEN, f"{HIDDEN}={HIDDEN}", f"https://{HIDDEN}@x", f"x={HIDDEN}\n", f"http://{HIDDEN}/ {HIDDEN}"):
        for arguments in ({"environment": {f"MASIVO_{name.upper()}": text}}, {"flags": {name: text}}):
            try:
                settings = load_settings(**arguments)
            except ConfigurationError as error:
                assert HIDDEN not in text_of(error), (section, name, text)  # noqa: PT017 - some settings take any text
            else:
                assert HIDDEN in str(of(settings, section, name))


@pytest.mark.parametrize("text", [f'key = "{HIDDEN}', f"key = {HIDDEN}", f'key = "{HIDDEN}" x', f"= {HIDDEN}"])
def test_a_secret_in_a_broken_file_is_not_shown(toml, text):
    """A syntax error has a line and a column, not the line itself."""
    assert HIDDEN not in text_of(wrong(toml(text)))


def test_an_api_key_in_the_file_is_refused_with_its_proper_place(toml):
    """Secrets are no settings: the hint names the variable, the message not the key."""
    error = wrong(toml(f'[api]\napi_key = "{HIDDEN}"\n'))
    assert "MASIVO_API_KEY" in error.hint
    assert HIDDEN not in text_of(error)


# Files of other tools.


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf[upload]\nuploaders = 3\n", b"[upload]\r\nuploaders = 3\r\n", b"upload.uploaders = 3"]
)
def test_a_file_from_any_editor_is_read(toml, text):
    """A byte order mark, line ends of another system, dotted names."""
    assert load_settings(toml(text)).upload.uploaders == 3


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (b'{"upload": {"uploaders": 3}}', "is not TOML but JSON", "config.example.toml"),
        (b"upload:\n  uploaders: 3\n", "is not TOML but YAML", "config.example.toml"),
        (b"---\n# of the shop\nupload:\n  uploaders: 3\n", "is not TOML but YAML", "config.example.toml"),
        (b"MASIVO_BASE_URL=https://a.test\n", "but a list of environment variables", "set -a"),
        (b"export MASIVO_UPLOADERS=3\n", "but a list of environment variables", "set -a"),
        (b"MASIVO_UPLOADERS=3\n", "has MASIVO_UPLOADERS outside a section", "write uploaders below [upload]"),
        (b'MASIVO_API_KEY="x"\n', "has no section [MASIVO_API_KEY]", "set MASIVO_API_KEY in the environment"),
        (b"; of the shop\n[upload]\nuploaders=3\n", "but an INI file", "begin comments with #"),
        (b"[api]\nbase_url = https://a.test\n", "is not TOML: ", "put text in quotes"),
        (b"[Upload]\nuploaders = 3\n", "has no section [Upload]", "write [upload]"),
        ("[upload]\nuploaders = 3\n".encode("utf-16"), "is UTF-16 text", "UTF-8"),
        ("[upload]\nuploaders = 3\n".encode("utf-16-le"), "UTF-16 text", "UTF-8"),
        (b"[upload]\ruploaders = 3\r", "a carriage return alone", "line feeds"),
        (b"\x1f\x8b\x08\x00\x00", "it is not UTF-8 text", "--config"),
        (b"<settings/>", "is not TOML: ", "config.example.toml"),
        (b"{ not json", "is not TOML: ", "config.example.toml"),
    ],
)
def test_a_file_of_another_format_is_recognised(toml, text, message, hint):
    """With the place, and what to write instead."""
    file = toml(text)
    error = wrong(file)
    assert message in str(error)
    assert hint in error.hint
    assert file in error.place


def test_a_state_directory_without_a_name_is_refused():
    """It would be the working directory."""
    with pytest.raises(ConfigurationError, match="state_dir is empty"):
        load_settings(flags={"state_dir": ""})
