"""`pause` and `resume`: what they print, what `status` prints then, and what a migration shows that waits."""

import json
import threading
import time

import pytest

from masivo_stream.edges.files.pause_file import read_pause, remove_pause


@pytest.fixture
def state(online, customers, tmp_path):
    """The state directory of a finished run."""
    assert online("migrate", "--customers", customers, "--limit", "none", "--no-verify").code == 0
    return tmp_path / "masivo-state"


def test_a_pause_is_printed_for_people(online, state):
    """Since when, by whom, and the command that ends it; repeated, it says so."""
    first = online("pause").out.splitlines()
    assert first[0].startswith("paused since ")
    assert first[1:] == ["no process is at work: the next one waits", "resume with: masivo-stream resume masivo-state"]
    assert online("pause", "masivo-state").out.startswith("it was paused already: paused since ")
    shown = online("status")
    assert shown.code == 0
    assert "paused since " in shown.out
    assert "masivo-stream resume masivo-state" in shown.out
    assert online("resume", "--state-dir", "masivo-state").out.splitlines() == [
        "resumed",
        "no process is at work: the command that started the run continues it",
    ]
    assert online("resume").out.splitlines()[0] == "it was not paused"
    assert "paused" not in online("status").out


def test_a_pause_is_printed_for_programs(online, state):
    """The pause that counts, and whether it is a new one."""
    first = json.loads(online("pause", "--json").out)
    again = json.loads(online("pause", str(state), "--json").out)
    assert (first["changed"], again["changed"], first["paused"]) == (True, False, again["paused"])
    assert json.loads(online("status", "--json").out)["paused"] == first["paused"]
    assert set(first) == {"schema", "state_dir", "paused", "changed", "owner"}
    over = json.loads(online("resume", "--json").out)
    assert ("paused" in over, over["changed"]) == (False, True)


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_there_has_to_be_a_run(command, name):
    """Else a slip of the pen would look like a pause."""
    ended = command(name, "elsewhere")
    assert (ended.code, "there is no run" in ended.err, ended.out) == (2, True, "")
    assert command(name, "").code == 2


def test_a_migration_in_a_paused_directory_says_so_and_waits(online, customers, state):
    """A log line at once, with the command; then it goes on."""
    online("pause")

    def resume():
        time.sleep(0.3)
        assert read_pause(state) is not None
        remove_pause(state)

    thread = threading.Thread(target=resume)
    thread.start()
    ended = online("migrate", "--customers", customers, "--limit", "none", "--no-verify", "--log-format", "json")
    thread.join()
    assert ended.code == 0
    events = [json.loads(line) for line in ended.err.splitlines()]
    assert [event["event"] for event in events][:2] == ["paused", "resumed"]
    assert events[0]["resume_with"] == "masivo-stream resume masivo-state"
