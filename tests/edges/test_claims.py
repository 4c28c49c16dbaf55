import fcntl
import os
import stat
from pathlib import Path

import pytest

from masivo_stream.edges.secret import identify, name_quota
from masivo_stream.edges.shared_dir.claims import claim, default_shared_dir
from masivo_stream.model.errors import ConfigurationError

URL = "https://example.test/v1"


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"{}\n")
    return str(path)


def test_one_run_at_a_time_sends_an_export_to_an_account(tmp_path, export):
    """The error names the first run; once that has ended, the second one may begin."""
    with (
        claim(tmp_path / "m", "a", [export], state_dir="one") as others,
        pytest.raises(ConfigurationError, match=rf"by process {os.getpid()} on .*one\)") as caught,
        claim(tmp_path / "m", "a", [export], state_dir="two"),
    ):
        pass
    assert others is False
    assert (caught.value.place, "twice" in caught.value.hint) == (export, True)
    with claim(tmp_path / "m", "a", [export], state_dir="two"):
        pass


def test_another_name_of_a_file_is_the_same_claim(tmp_path, export):
    """A link, another spelling."""
    link = tmp_path / "link.ndjson"
    link.symlink_to(export)
    with (
        claim(tmp_path / "m", "a", [export], state_dir="one"),
        pytest.raises(ConfigurationError),
        claim(tmp_path / "m", "a", [str(link)], state_dir="two"),
    ):
        pass


def test_a_file_named_twice_in_one_run_is_not_a_conflict(tmp_path, export):
    """What it has grown by is an input of its own."""
    with claim(tmp_path / "m", "a", [export, export], state_dir="one"):
        pass


def test_other_accounts_and_other_exports_are_free(tmp_path, export):
    """And a run that shares the account learns it."""
    other = tmp_path / "other.ndjson"
    other.touch()
    with (
        claim(tmp_path / "m", "a", [export], state_dir="one"),
        claim(tmp_path / "m", "b", [export], state_dir="two") as elsewhere,
        claim(tmp_path / "m", "a", [str(other)], state_dir="three") as here,
    ):
        assert (elsewhere, here) == (False, True)


def test_a_run_that_asks_at_the_same_moment_keeps_its_claim(tmp_path, export):
    """Another run that is between its two questions for a moment is no reason to go on unguarded."""
    (tmp_path / "m").mkdir()
    asking = os.open(tmp_path / "m" / "a.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(asking, fcntl.LOCK_EX)
    with claim(tmp_path / "m", "a", [export], state_dir="one") as others:
        assert others is True
        with pytest.raises(ConfigurationError), claim(tmp_path / "m", "a", [export], state_dir="two"):
            pass
    os.close(asking)


def test_other_users_cannot_read_claims(tmp_path, export):
    """0700 and 0600, and nothing of the secret in names or contents."""
    account = name_quota(identify(URL, api_key="9d7e3d8f-secret", token=None))
    with claim(tmp_path / "m", account, [export], state_dir="one"):
        files = list((tmp_path / "m").iterdir())
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert not any("secret" in file.name or "secret" in file.read_text() for file in files)


def test_a_claim_leaves_nothing_behind(tmp_path, export):
    """Except one file per account; and a run that comes while a file is removed finds a lock that holds."""
    with claim(tmp_path / "m", "a", [export], state_dir="one"):
        assert len(list((tmp_path / "m").iterdir())) == 2
    assert [file.name for file in (tmp_path / "m").iterdir()] == ["a.lock"]


@pytest.mark.parametrize(
    ("environment", "place"),
    [({"XDG_STATE_HOME": "/x"}, "/x/masivo-stream"), ({"XDG_STATE_HOME": "relative"}, None), ({}, None)],
)
def test_claims_are_kept_in_the_state_home_of_the_user(environment, place):
    """As the XDG specification says; a relative path there is to be ignored."""
    assert default_shared_dir(environment) == (
        Path(place) if place else Path("~/.local/state/masivo-stream").expanduser()
    )


def test_an_unusable_directory_is_reported(tmp_path, export):
    """It is the caller's to decide that runs go on without meeting."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists"), claim(tmp_path / "file", "a", [export], state_dir="one"):
        pass
