"""The state directory: one owner at a time, not readable by other users, and never a torn file."""

import os
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

import masivo_stream
from masivo_stream.edges.files.state_dir import StateDir, is_owned, own_state_dir, replace_file
from masivo_stream.model.errors import ConfigurationError, StorageError

ROOT = Path(masivo_stream.__file__).parent.parent

OWN = """
import sys
from masivo_stream.edges.files.state_dir import own_state_dir
from masivo_stream.model.errors import ConfigurationError
try:
    with own_state_dir(sys.argv[1]):
        print("owned", flush=True)
        sys.stdin.read()
except ConfigurationError as error:
    print(error, flush=True)
"""


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@contextmanager
def umask(value):
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def own(path):
    """Own a directory for a moment."""
    with own_state_dir(str(path)):
        pass


def fill(disk):
    """Leave no block on the disk."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return


@contextmanager
def other_process(path):
    """Let another process ask for the directory; yields it and what it said."""
    command = [sys.executable, "-c", OWN, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


# Modes.


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o002])
def test_other_users_cannot_read_it_for_any_umask(tmp_path, mask):
    """0700 for the directory, 0600 for each file in it."""
    path = tmp_path / "state"
    with umask(mask), own_state_dir(str(path)) as state:
        state.write("report.json", b"{}")
        os.close(state.open_append("dead-letter.events.ndjson"))
        modes = {file.name: mode(file) for file in path.iterdir()}
    assert mode(path) == 0o700
    assert modes == dict.fromkeys(["lock", "report.json", "dead-letter.events.ndjson"], 0o600)


def test_an_open_state_directory_is_closed_to_others(tmp_path):
    """It was open before; what will be in it is not for all."""
    path = tmp_path / "state"
    path.mkdir(mode=0o755)
    with own_state_dir(str(path)):
        assert mode(path) == 0o700


def test_a_replaced_file_takes_its_own_mode(tmp_path):
    """Not the mode of the file that was there."""
    file = tmp_path / "report.json"
    file.write_bytes(b"old")
    file.chmod(0o644)
    replace_file(file, b"new")
    assert (file.read_bytes(), mode(file)) == (b"new", 0o600)


def test_parent_directories_are_made(tmp_path):
    """A path of several new directories."""
    with own_state_dir(str(tmp_path / "a" / "b" / "state")) as state:
        assert state.path == tmp_path / "a" / "b" / "state"


# What is refused.


def test_a_link_is_refused(tmp_path):
    """Another user may have made it to divert what is written. The target is left as it was."""
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    (tmp_path / "state").symlink_to(target)
    with pytest.raises(ConfigurationError, match="is a link or belongs to another user"):
        own(tmp_path / "state")
    assert (mode(target), list(target.iterdir())) == (0o755, [])


@pytest.mark.parametrize("name", ["lock", "report.json", "dead-letter.events.ndjson"])
def test_a_link_in_the_directory_is_not_followed(tmp_path, name):
    """Neither by opening nor by replacing."""
    state_path, victim = tmp_path / "state", tmp_path / "victim"
    state_path.mkdir(mode=0o700)
    victim.write_bytes(b"precious")
    (state_path / name).symlink_to(victim)

    def use():
        with own_state_dir(str(state_path)) as state:
            state.write("report.json", b"new")
            os.close(state.open_append("dead-letter.events.ndjson"))

    if name == "report.json":
        use()
        assert (state_path / name).read_bytes() == b"new"
        assert not (state_path / name).is_symlink()
    else:
        with pytest.raises(ConfigurationError):
            use()
    assert victim.read_bytes() == b"precious"


def test_another_users_directory_is_refused(tmp_path):
    """Its owner could read and change what we write."""
    path = tmp_path / "state"
    path.mkdir()
    try:
        os.chown(path, 12345, 12345)
    except PermissionError:
        pytest.skip("this user cannot give a directory away")
    with pytest.raises(ConfigurationError, match="is a link or belongs to another user"):
        own(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file", "the state directory is not a directory: File exists"),
        ("file/below", "the state directory is not a directory: Not a directory"),
        ("a\0b", "the state directory cannot be used: not a directory name"),
        ("x" * 300, "the state directory cannot be used: File name too long"),
        ("dangling", "the state directory is not a directory: File exists"),
    ],
    ids=["a file", "under a file", "NUL", "too long", "a dangling link"],
)
def test_a_path_that_is_not_a_directory_is_refused(tmp_path, name, message):
    """With the system's word for it, the place and what to do."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError) as caught:
        own(f"{tmp_path}/{name}")
    assert (str(caught.value), caught.value.place) == (message, f"{tmp_path}/{name}")
    assert "--state-dir" in caught.value.hint


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    """Permissions of the parent."""
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("root may write everywhere")
    with pytest.raises(ConfigurationError, match="cannot be used: Permission denied"):
        own(tmp_path / "state")


def test_a_read_only_disk_is_refused(small_disk):
    """Before the first request, not after it."""
    with pytest.raises(ConfigurationError, match="cannot be used: Read-only file system"):
        own(small_disk("ro"))


def test_a_full_disk_is_refused(small_disk):
    """Not even the owner's name fits: it fails as a write would."""
    disk = small_disk()
    (disk / "state").mkdir(mode=0o700)
    fill(disk)
    with pytest.raises(StorageError, match="No space left on device"):
        own(disk / "state")
    assert is_owned(disk / "state") is None


# The lock.


def test_a_directory_in_use_is_refused_and_the_owner_named(tmp_path):
    """Also within one process; afterwards it is free."""
    path = str(tmp_path / "state")
    with own_state_dir(path):
        with pytest.raises(ConfigurationError) as caught:
            own(path)
        assert f"is in use by process {os.getpid()} on {os.uname().nodename}" in str(caught.value)
    with own_state_dir(path):
        pass


def test_an_error_of_the_owner_frees_the_directory(tmp_path):
    """However the block is left."""
    path = str(tmp_path / "state")
    with pytest.raises(KeyError), own_state_dir(path):
        raise KeyError
    with own_state_dir(path):
        pass


@pytest.mark.slow
def test_another_process_is_refused_and_learns_the_owner(tmp_path):
    """The lock is the operating system's."""
    path = tmp_path / "state"
    with own_state_dir(str(path)), other_process(path) as (_, said):
        assert said == f"the state directory is in use by process {os.getpid()} on {os.uname().nodename}"


@pytest.mark.slow
def test_a_killed_owner_leaves_the_directory_free(tmp_path):
    """`kill -9`: nothing goes stale, the next run just takes it."""
    path = tmp_path / "state"
    with other_process(path) as (process, said):
        assert said == "owned"
        assert is_owned(path) == f"process {process.pid} on {os.uname().nodename}"
        with pytest.raises(ConfigurationError, match=f"is in use by process {process.pid} on"):
            own(path)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert is_owned(path) is None
        with own_state_dir(str(path)):
            assert is_owned(path) == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_shorter_owner_name_replaces_all_of_a_longer_one(tmp_path):
    """The lock file is emptied before it is written."""
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    (path / "lock").write_bytes(b"x" * 500)
    with own_state_dir(str(path)):
        assert is_owned(path) == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_directory_without_a_held_lock_has_no_owner(tmp_path):
    """No directory, no lock file, a lock file that no process holds."""
    path = tmp_path / "state"
    assert is_owned(path) is None
    path.mkdir()
    assert is_owned(path) is None
    with own_state_dir(str(path)):
        pass
    assert is_owned(path) is None


# What is written.


def test_a_directory_that_others_use_is_left_alone(tmp_path):
    """`--state-dir /tmp` must not lock all other users out."""
    (tmp_path / "theirs").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigurationError, match="holds other files"):
        own(tmp_path)
    assert mode(tmp_path) == 0o755


def test_lines_are_read_back_as_they_were_written(tmp_path):
    """Newlines included; none where there is no file."""
    with own_state_dir(str(tmp_path / "state")) as state:
        assert list(state.lines("x.ndjson")) == []
        state.write("x.ndjson", b"one\ntwo")
        assert list(state.lines("x.ndjson")) == [b"one\n", b"two"]


@pytest.mark.parametrize("content", [b"", b"x", b"y" * 1_000_000])
def test_a_file_is_replaced_whole(tmp_path, content):
    """With nothing left beside it."""
    file = tmp_path / "report.json"
    for _ in range(2):
        replace_file(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.slow
def test_a_reader_never_sees_a_torn_file(tmp_path):
    """While it is replaced again and again, each look finds one content or the other."""
    file = tmp_path / "report.json"
    contents = {b"a" * 300_000, b"b" * 300_000}
    replace_file(file, b"a" * 300_000)
    done = threading.Event()
    seen = set()

    def look():
        while not done.is_set():
            seen.add(file.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(20):
        for content in contents:
            replace_file(file, content)
    done.set()
    reader.join()
    assert seen <= contents


@pytest.mark.parametrize("left", ["file", "link", "hard link"])
def test_remains_of_a_crash_do_no_harm(tmp_path, left):
    """A half-written temporary file, or something laid in its place, is put aside, not written through."""
    file, temporary, victim = tmp_path / "report.json", tmp_path / ".report.json.new", tmp_path / "victim"
    victim.write_bytes(b"precious")
    if left == "file":
        temporary.write_bytes(b"half")
    elif left == "link":
        temporary.symlink_to(victim)
    else:
        temporary.hardlink_to(victim)
    replace_file(file, b"new")
    assert (file.read_bytes(), victim.read_bytes(), temporary.exists()) == (b"new", b"precious", False)


def test_a_full_disk_leaves_the_old_content(small_disk):
    """The new one does not fit: an error with the place, and the file as it was."""
    file = small_disk() / "report.json"
    replace_file(file, b"old")
    with pytest.raises(StorageError, match="cannot write: No space left on device") as caught:
        replace_file(file, b"x" * 100_000)
    assert (caught.value.place, file.read_bytes()) == (str(file), b"old")
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"


# What is made durable, and in which order.


class Disk:
    """Remembers at each `fsync` what was made durable, and what was in a directory at that moment."""

    def __init__(self, path):
        self.path, self.synced = path, []

    def fsync(self, file):
        status = os.fstat(file)
        name = next((found.name for found in self.path.rglob("*") if found.stat().st_ino == status.st_ino), ".")
        contents = {found.name: found.read_bytes() for found in self.path.iterdir() if found.is_file()}
        self.synced.append((name, contents))


def test_a_replaced_file_is_durable_before_it_takes_its_place(tmp_path):
    """Its content first, then its name: after a crash the name never stands for an empty file, nor goes back."""
    disk = Disk(tmp_path)
    StateDir(tmp_path).write("report.json", b"old")
    StateDir(tmp_path, fsync=disk.fsync).write("report.json", b"new")
    assert disk.synced == [
        (".report.json.new", {"report.json": b"old", ".report.json.new": b"new"}),
        (".", {"report.json": b"new"}),
    ]


def test_a_file_that_is_created_is_durable_with_its_name(tmp_path):
    """All its lines, then its name: what speaks of it may be committed after that."""
    disk = Disk(tmp_path)
    StateDir(tmp_path, fsync=disk.fsync).create("copy", iter([b"one\n", b"two\n"]))
    assert disk.synced == [("copy", {"copy": b"one\ntwo\n"}), (".", {"copy": b"one\ntwo\n"})]


def test_a_run_that_is_put_aside_is_durable(tmp_path):
    """Both directories are durable once all of it is moved."""
    for name in ("dead-letter.a", "journal.db", "report.z"):
        (tmp_path / name).write_bytes(b"x")
    disk = Disk(tmp_path)
    StateDir(tmp_path, fsync=disk.fsync).put_aside("reverted")
    assert disk.synced == [("reverted-1", {}), (".", {})]
    assert {path.name for path in (tmp_path / "reverted-1").iterdir()} == {"dead-letter.a", "journal.db", "report.z"}


def test_a_run_that_was_put_aside_in_part_is_put_aside_completely(tmp_path):
    """What cannot be moved leaves the journal where it was; called again, everything is in one place."""
    for name in ("journal.db", "report.z"):
        (tmp_path / name).write_bytes(b"x")
    place = tmp_path / "reverted-1"
    (place / "report.z").mkdir(parents=True)  # a file cannot take a directory's place
    with pytest.raises(StorageError):
        StateDir(tmp_path).put_aside("reverted")
    assert (tmp_path / "journal.db").exists()
    (place / "report.z").rmdir()
    StateDir(tmp_path).put_aside("reverted")
    assert {path.name for path in place.iterdir()} == {"journal.db", "report.z"}


def test_a_directory_that_was_deleted_is_reported(tmp_path):
    """As an error of storage."""
    with pytest.raises(StorageError, match="cannot write: No such file or directory"):
        replace_file(tmp_path / "gone" / "report.json", b"")


def test_appending_keeps_what_is_there(tmp_path):
    """What was written stays; the descriptor is not passed on to children."""
    with own_state_dir(str(tmp_path / "state")) as state:
        for content in (b"a", b"b", b"c"):
            file = state.open_append("list")
            assert os.get_inheritable(file) is False
            os.write(file, content)
            os.close(file)
        assert (state.path / "list").read_bytes() == b"abc"
