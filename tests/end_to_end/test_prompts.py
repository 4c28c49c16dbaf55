"""A person who is asked on a terminal, and presses Ctrl-C, is back at once, and nothing was done."""

import json
import os
import pty
import signal
import subprocess

import pytest
from end_to_end_tools import COMMAND, PATIENCE, clean_environment

pytestmark = pytest.mark.slow
PROMPT = b"Type yes: "


def press_ctrl_c_when_asked(arguments, directory):
    """Run a command on a terminal, press Ctrl-C once at its question; return the exit code and what was shown."""
    terminal, side = pty.openpty()
    environment = clean_environment(MASIVO_API_KEY="k" * 32)
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=directory,
        env=environment,
        stdin=side,
        stdout=side,
        stderr=side,
    )
    os.close(side)
    shown, asked = b"", False
    try:
        while piece := _read(terminal):
            shown += piece
            if PROMPT in shown and not asked:
                asked = True
                process.send_signal(signal.SIGINT)
        return process.wait(PATIENCE), shown
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # no process has the other side open
        return b""


def test_one_ctrl_c_at_a_question_is_enough(tmp_path, served):
    """Also where an event loop runs meanwhile, as in `mend`."""
    lines = [
        json.dumps({"id": f"c{n}", "name": "n", "email": f"{n}@x.org", "registration_date": "x"}) for n in range(3)
    ]
    (tmp_path / "customers.ndjson").write_text("\n".join(lines) + "\n")
    assert served.migrate(tmp_path).returncode == 3
    letters = tmp_path / "state" / "dead-letter.customers.ndjson"
    before = letters.read_bytes()
    field = ["--field", "registration_date", "--set", "2020-01-01T00:00:00Z"]
    code, shown = press_ctrl_c_when_asked(["mend", "customers", "--state-dir", "state", *field], tmp_path)
    assert code == 130, shown
    assert b"Nothing was changed." in shown
    assert letters.read_bytes() == before
