"""Reports of real runs: written at every end, made again from the journal, with commands that can be pasted."""

import json
import shlex
import stat
import subprocess

from end_to_end_tools import COMMAND, KINDS, clean_environment, run, serving


def test_a_run_leaves_a_report_that_can_be_made_again(served, export):
    """The export has faults and a hostile name. Made from the journal alone, the report shows the same."""
    directory = export(300, "--invalid", "0.01")
    hostile = directory / "<script>alert(1)<\x1b[31m.ndjson"
    (directory / "events.ndjson").rename(hostile)
    done = served.migrate(directory, "--events", hostile)
    summary = json.loads(done.stdout)
    state = directory / "state"
    assert (done.returncode, summary["report"]) == (3, str(state / "report.html"))
    page = (state / "report.html").read_text()
    assert stat.S_IMODE((state / "report.html").stat().st_mode) == 0o600
    assert "&lt;script&gt;alert(1)&lt;\\u001b[31m.ndjson" in page
    assert "<script" not in page
    assert served.key not in page

    left = json.loads((state / "report.json").read_text())
    assert {found["kind"] for found in left["examples"]} == set(KINDS)
    for found in left["examples"]:
        source = (hostile if found["kind"] == "events" else directory / f"{found['kind']}.ndjson").read_bytes()
        assert source[: found["offset"]].count(b"\n") == found["line"] - 1
    requests = {kind: sum(point["requests"] for point in points) for kind, points in left["time_line"].items()}
    assert requests == {kind: figures["requests"] for kind, figures in left["kinds"].items()}

    for name in ("report.json", "report.html"):
        (state / name).unlink()
    made = run("report", "--state-dir", state, "--json")
    again = json.loads(made.stdout)
    assert (made.returncode, again["outcome"]) == (0, "dead_letters")
    changing = {"told_at", "report", "kinds", "hint"}
    assert {name: value for name, value in again.items() if name not in changing} == {
        name: value for name, value in left.items() if name not in changing
    }
    made = run("report", "--state-dir", state)
    assert (made.returncode, made.stdout.decode().strip()) == (0, str(state / "report.html"))
    assert "Complete, with dead letters" in (state / "report.html").read_text()
    ticket = directory / "ticket.html"
    ticket.symlink_to("elsewhere.html")
    written = run("report", "--state-dir", state, "-o", ticket)
    assert (written.returncode, ticket.is_symlink()) == (0, True)
    assert ticket.read_bytes().startswith(b"<!DOCTYPE html>")


def test_the_next_command_can_be_pasted(tmp_path, export):
    """A run that was stopped continues with the very line that it printed, in a directory with a blank in its name."""
    directory = export(50, kinds=("customers",))
    state = directory / "my state"
    fault = ["--fault", "status=403,on=customers,times=1"]
    with serving(tmp_path, "--limits", "none", *fault) as served:
        done = served.migrate(directory, state="my state")
        summary = json.loads(done.stdout)
        assert (done.returncode, (state / "report.html").exists()) == (7, True)
        (step,) = summary["next_steps"]
        words = shlex.split(step["command"])
        assert words[:2] == ["masivo-stream", "migrate"]
        line = step["command"].replace("masivo-stream", shlex.quote(str(COMMAND)), 1)
        again = subprocess.run(
            ["sh", "-c", line], capture_output=True, check=False, env=clean_environment(MASIVO_API_KEY=served.key)
        )
        assert again.returncode == 0, again.stderr
        assert b"report: " in again.stdout
        assert "Complete" in (state / "report.html").read_text()
    told = json.loads(run("status", "--state-dir", state, "--json").stdout)
    assert (told["outcome"], told["report"]) == ("complete", str(state / "report.html"))
    assert told["next_steps"][0]["command"].startswith("masivo-stream verify --state-dir")


def test_there_is_nothing_to_report_without_a_run(tmp_path):
    """And a file that is not a report is not replaced by one."""
    done = run("report", "--state-dir", tmp_path)
    assert (done.returncode, b"there is no run in this state directory" in done.stderr) == (2, True)
