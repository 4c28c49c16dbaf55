"""Advice about a key that is missing, readable by others, or not a key: if it is followed, the migration completes."""

import pytest
from advice_tools import QUICK, arrived, expect_advice, make_exports, named, paste, sending
from end_to_end_tools import run

pytestmark = pytest.mark.slow

NO_KEY = (
    "set MASIVO_API_KEY to the account's key, a UUID that Masivo's admin panel shows (see docs.masivo.ai, "
    "guides/integrate-with-masivo), or put it into a file (mode 0600) and name that with --api-key-file; "
    "`masivo-stream demo` and `masivo-stream sandbox` need no account"
)


@pytest.fixture
def migrate(served, tmp_path):
    """Return a function that migrates three records of each kind, with no key except the given one."""
    make_exports(tmp_path)

    def migrate(*arguments, **environment):
        return run("migrate", *named(tmp_path), *sending(served, tmp_path), *arguments, **QUICK, **environment)

    return migrate


def write_key(path, text, mode=0o600):
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)
    return path


@pytest.mark.parametrize("way", ["variable", "file", "demo"])
def test_a_key_is_given_in_each_of_the_listed_ways(way, migrate, served, tmp_path):
    """With the variable or with a file everything arrives. The demo needs no key."""
    done = migrate()
    assert done.returncode == 2
    expect_advice(done, NO_KEY)
    if way == "demo":
        done = paste("masivo-stream demo --records 20", cwd=tmp_path)
        assert (done.returncode, done.stdout.count(b"as accepted")) == (0, 3)
        return
    key = {"MASIVO_API_KEY": served.key} if way == "variable" else {}
    done = migrate(*(["--api-key-file", write_key(tmp_path / "key", served.key)] if not key else []), **key)
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


@pytest.mark.parametrize("name", ["key", "my key"])
def test_a_key_file_that_others_can_read_is_closed_to_them(name, migrate, served, tmp_path):
    """The quoted line is pasted. Then the same command is accepted, whatever the name of the file is."""
    file = write_key(tmp_path / name, served.key, 0o644)
    done = migrate("--api-key-file", file)
    assert done.returncode == 2
    (quoted,) = expect_advice(done, "chmod 600 {…}")
    assert paste(f"chmod 600 {quoted}").returncode == 0
    done = migrate("--api-key-file", file)
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", "check the path and its permissions, and that it holds nothing but the key"),
        ("a long letter\n" * 2000, "check the path and its permissions, and that it holds nothing but the key"),
        ("two words", "write it as one line of printable ASCII, alone or after {…}="),
    ],
    ids=["missing", "a letter", "two words"],
)  # fmt: skip
def test_a_file_that_holds_no_key_is_corrected(wrong, says, migrate, served, tmp_path):
    """The file at the named path holds nothing but the key."""
    file = tmp_path / "key"
    if wrong:
        write_key(file, wrong)
    done = migrate("--api-key-file", file)
    assert done.returncode == 2
    expect_advice(done, says)
    write_key(file, served.key)
    done = migrate("--api-key-file", file)
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


def test_another_account_needs_its_own_key(served, tmp_path):
    """The sandbox's key is refused for other servers.

    With another key the command continues, to an address without a server.
    """
    make_exports(tmp_path, kinds=["customers"])
    command = ["migrate", *named(tmp_path), "--base-url", "https://masivo.invalid/v1", "--state-dir", tmp_path / "s"]
    done = run(*command, key=served.key)
    assert done.returncode == 2
    expect_advice(done, "set the account's own key")
    done = run(*command, "--outage-limit", "0.1", key="9d7e3d8f-0000-4000-8000-000000000000")
    assert done.returncode == 6, done.stderr
