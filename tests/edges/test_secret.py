"""Secrets do not show themselves, and come from places only their owner can read."""

import copy
import logging
import os
import traceback

import msgspec
import pytest

from masivo_stream.edges.secret import Credentials, Secret, load_credentials
from masivo_stream.model.errors import ConfigurationError

KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"
HIDDEN = "not-to-be-shown"


def text_of(error: ConfigurationError) -> str:
    """Return all that the error can put on a screen, its causes included."""
    return "".join([*traceback.format_exception(error), str(error), error.place, error.hint, error.operation])


def key_file(tmp_path, content=b"0f8fad5b-d9cb-469f-a165-70867728950e", mode=0o600):
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(mode)
    return str(file)


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r:>30}".format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!s:60}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - logging formats this way
        lambda secret: repr([secret, {"key": secret}, (secret,)]),
        lambda secret: logging.makeLogRecord({"msg": "%s", "args": (secret,)}).getMessage(),
        lambda secret: repr(copy.copy(secret)),
        lambda secret: repr(Credentials(api_key=secret)),
        lambda secret: str(dir(secret)),
    ],
)
def test_a_secret_shows_stars(show):
    """However it is printed, alone or inside something."""
    assert KEY not in show(Secret(KEY))


def test_a_secret_is_revealed_on_purpose_only():
    """One method gives the text, for the wire."""
    assert Secret(KEY).reveal() == KEY


def test_a_secret_is_not_in_a_traceback():
    """Not even where the locals are printed, and not in an encoder's complaint."""
    secret = Secret(KEY)

    def fail(secret):
        raise RuntimeError(secret)

    with pytest.raises(RuntimeError) as caught:
        fail(secret)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(shown.format())
    with pytest.raises(TypeError) as refused:
        msgspec.json.encode({"key": secret})
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("secrets", [{}, {"api_key": Secret("a"), "token": Secret("b")}])
def test_credentials_are_either_a_key_or_a_token(secrets):
    """A key or a token, not none, not both."""
    with pytest.raises(ValueError, match="either an API key or a token"):
        Credentials(**secrets)


def test_the_key_file_comes_before_the_key_and_the_key_before_the_token(tmp_path):
    """The more deliberate one wins."""
    both = {"MASIVO_API_KEY": "from-environment", "MASIVO_TOKEN": "token"}
    of_file = load_credentials(both, api_key_file=key_file(tmp_path))
    of_key = load_credentials(both)
    of_token = load_credentials({"MASIVO_API_KEY": "", "MASIVO_TOKEN": "token"})
    assert (of_file.api_key.reveal(), of_file.token) == (KEY, None)
    assert (of_key.api_key.reveal(), of_key.token) == ("from-environment", None)
    assert (of_token.api_key, of_token.token.reveal()) == (None, "token")


@pytest.mark.parametrize("content", [KEY, KEY + "\n", KEY + "\r\n", f"  {KEY}\t\n\n"])
def test_white_space_around_a_secret_is_not_part_of_it(tmp_path, content):
    """Editors and `echo` leave a newline."""
    found = load_credentials({}, api_key_file=key_file(tmp_path, content.encode()))
    assert found.api_key.reveal() == KEY
    assert load_credentials({"MASIVO_API_KEY": content}).api_key.reveal() == KEY


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff{}",
        '"{}"',
        "'{}'\n",
        "MASIVO_API_KEY={}",
        "MASIVO_API_KEY = {}",
        "export MASIVO_API_KEY={}\r\n",
        'MASIVO_API_KEY="{}"  # production\n',
        "MASIVO_API_KEY={} # production\n",
        "# of the shop\n\n{}\n",
        "MASIVO_BASE_URL=https://a.test\nMASIVO_API_KEY={}\nMASIVO_TOKEN=x\n",
        "MASIVO_API_KEY=old\nMASIVO_API_KEY={}\n",
        "Bearer {}",
    ],
)
def test_decoration_by_other_tools_is_not_part_of_a_secret(tmp_path, content):
    """Byte order marks, quotes, names, comments; in a file of UTF-16, too."""
    text = content.format(KEY)
    assert load_credentials({"MASIVO_API_KEY": text}).api_key.reveal() == KEY
    for encoding in ("utf-8", "utf-16"):
        file = key_file(tmp_path, text.encode(encoding))
        assert load_credentials({}, api_key_file=file).api_key.reveal() == KEY


@pytest.mark.parametrize("key", ["c2VjcmV0", "c2VjcmU=", "c2VjcmV0cw==", "a=b", "k", "with#hash", "two'quotes'inside"])
def test_a_key_that_looks_odd_is_left_as_it_is(tmp_path, key):
    """Base64 ends with what assigns elsewhere."""
    assert load_credentials({}, api_key_file=key_file(tmp_path, key.encode())).api_key.reveal() == key


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is empty"),
        ('""', "it is empty"),
        ("MASIVO_API_KEY=\n", "it is empty"),
        ("# only a comment\n", "it is empty"),
        ("SHOP_KEY=" + HIDDEN, "none to MASIVO_API_KEY"),
        ("MASIVO_TOKEN=" + HIDDEN, "none to MASIVO_API_KEY"),
        ("A=1\nB=" + HIDDEN, "none to MASIVO_API_KEY"),
        ('{"api_key": "' + HIDDEN + '"}', "it is a JSON document"),
        ("$MASIVO_API_KEY", "was not filled in"),
        ("${MASIVO_API_KEY}", "was not filled in"),
        ("<your key>", "was not filled in"),
        (HIDDEN + "\n" + HIDDEN, "it has several lines"),
        ("api_key: " + HIDDEN, "character 9 is U+0020"),
        ("\u200b" + HIDDEN, "character 1 is U+200B"),
        ("\u201c" + HIDDEN + "\u201d", "character 1 is U+201C"),
    ],
)
def test_a_value_that_is_not_a_secret_is_refused_with_the_true_reason(tmp_path, content, why):
    """With the true reason, and without the secret."""
    with pytest.raises(ConfigurationError, match="cannot be sent") as caught:
        load_credentials({}, api_key_file=key_file(tmp_path, content.encode()))
    assert why in str(caught.value)
    assert HIDDEN not in text_of(caught.value)


def test_an_empty_variable_is_reported(tmp_path):
    """It was meant to be set."""
    with pytest.raises(ConfigurationError, match="MASIVO_API_KEY is set, but empty"):
        load_credentials({"MASIVO_API_KEY": ""})


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o666, 0o601, 0o610, 0o777])
def test_a_key_file_that_others_can_open_is_refused(tmp_path, mode):
    """The hint is the command that corrects it; the key is not shown."""
    file = key_file(tmp_path, mode=mode)
    with pytest.raises(ConfigurationError, match="other users may read the key file") as caught:
        load_credentials({}, api_key_file=file)
    assert (caught.value.place, caught.value.hint) == (file, f"chmod 600 {file}")
    assert KEY not in text_of(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_file_of_the_owner_is_read(tmp_path, mode):
    """No other user can open it."""
    assert load_credentials({}, api_key_file=key_file(tmp_path, mode=mode)).api_key.reveal() == KEY


def test_a_key_may_come_through_a_pipe():
    """As from `<(pass show masivo)`: a pipe has no readers but us."""
    reading, writing = os.pipe()
    os.write(writing, KEY.encode() + b"\n")
    os.close(writing)
    try:
        assert load_credentials({}, api_key_file=f"/dev/fd/{reading}").api_key.reveal() == KEY
    finally:
        os.close(reading)


@pytest.mark.parametrize("name", ["missing/key", ".", "a\0b", "x" * 5000])
def test_a_key_file_that_cannot_be_read_is_reported(tmp_path, name):
    """With its path."""
    path = f"{tmp_path}/{name}"
    with pytest.raises(ConfigurationError, match="the key file cannot be read") as caught:
        load_credentials({"MASIVO_API_KEY": KEY}, api_key_file=path)
    assert caught.value.place == path


@pytest.mark.parametrize("key", [KEY, "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln"])
def test_a_key_given_as_a_file_name_is_not_shown(key):
    """`--api-key-file <the key itself>` is the mistake people make: it must not end in a log."""
    with pytest.raises(ConfigurationError) as caught:
        load_credentials({}, api_key_file=key)
    assert key not in text_of(caught.value)
    assert caught.value.place == "--api-key-file"


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"two words", b"two\nlines", b"\xef\xbb\xbf" + KEY.encode(), b"caf\xc3\xa9", b"a\x00b", b"a\x7fb"],
)
def test_a_secret_that_cannot_be_sent_is_refused(tmp_path, content):
    """A header holds one line of printable ASCII; the error describes what is wrong without quoting it."""
    content = HIDDEN.encode() + content if content.strip() else content
    with pytest.raises(ConfigurationError, match="is empty or has characters that cannot be sent") as caught:
        load_credentials({}, api_key_file=key_file(tmp_path, content))
    assert HIDDEN not in text_of(caught.value)


def test_a_binary_key_file_is_refused(tmp_path):
    """Without its bytes."""
    with pytest.raises(ConfigurationError, match="the key file cannot be read") as caught:
        load_credentials({}, api_key_file=key_file(tmp_path, HIDDEN.encode() + b"\xff\xfe"))
    assert HIDDEN not in text_of(caught.value)


def test_a_key_file_that_is_too_long_is_refused(tmp_path):
    """Cut short it would be another key."""
    with pytest.raises(ConfigurationError):
        load_credentials({}, api_key_file=key_file(tmp_path, b"x" * 20_000))


@pytest.mark.parametrize("variable", ["MASIVO_API_KEY", "MASIVO_TOKEN"])
def test_a_bad_secret_in_the_environment_is_reported_by_its_variable(variable):
    """The name, not the value."""
    with pytest.raises(ConfigurationError) as caught:
        load_credentials({variable: HIDDEN + " secret"})
    assert caught.value.place == variable
    assert HIDDEN not in text_of(caught.value)


@pytest.mark.parametrize("environment", [{}, {"MASIVO_API_KEY": ""}, {"MASIVO_APIKEY": KEY}])
def test_a_missing_secret_is_reported_with_the_ways_to_give_one(environment):
    """And that a first look needs none."""
    with pytest.raises(ConfigurationError, match="there is no API key") as caught:
        load_credentials(environment)
    for way in ("MASIVO_API_KEY", "--api-key-file", "demo"):
        assert way in caught.value.hint
