"""`--notify` and `--notify-command` of whole commands: what arrives, what is shown of them, and what they cannot do."""

import json
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fakes import record, write_export

from masivo_stream.model.contract import Kind


class Hook(BaseHTTPRequestHandler):
    """Takes documents, and answers with the server's status."""

    def do_POST(self):
        self.server.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        """Write nothing."""


@pytest.fixture
def hook():
    """A receiver on this machine."""
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.taken, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/T000/hush-hush?token=secret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_end_of_a_migration_is_notified(online, hook, customers, tmp_path):
    """By URL and by command; nothing of the URL is in the output, the state directory or the next commands."""
    script, got = tmp_path / "receive.py", tmp_path / "got"
    script.write_text(f"import sys, pathlib; pathlib.Path({str(got)!r}).write_bytes(sys.stdin.buffer.read())")
    command = f"{sys.executable} {script} --pass hush-hush"
    with Path(customers).open("ab") as export:
        export.write(b"{}\n")
    flags = ("--limit", "none", "--no-verify", "--notify", hook.url, "--notify-command", command)
    ended = online("migrate", "--customers", customers, *flags)
    assert ended.code == 3
    (document,) = hook.taken
    assert (document["event"], document["reason"], document["exit_code"]) == ("ended", "dead_letters", 3)
    assert document["kinds"]["customers"]["dead"] == 1
    assert json.loads(got.read_bytes()) == document
    written = b"".join(path.read_bytes() for path in (tmp_path / "masivo-state").iterdir() if path.is_file())
    for text in (ended.out, ended.err, written.decode(errors="replace"), json.dumps(document)):
        assert "hush" not in text
        assert "token=secret" not in text


def test_a_receiver_that_fails_changes_nothing(online, hook, customers):
    """The exit code is the run's; one warning says whom it was for."""
    hook.status = 404
    flags = ("--limit", "none", "--no-verify", "--notify", hook.url, "--log-format", "json")
    ended = online("migrate", "--customers", customers, *flags)
    assert ended.code == 0
    (failed,) = [line for line in map(json.loads, ended.err.splitlines()) if line["event"] == "notify_failed"]
    assert (failed["to"], failed["why"]) == (f"http://127.0.0.1:{hook.server_port}", "it answers 404")


def test_a_receiver_of_an_own_authority_is_trusted_by_the_ca_file(online, hook, customers, tmp_path):
    """Over TLS, by the whole command. Without the file nothing is delivered, and the run ends as it would."""
    openssl, pem = shutil.which("openssl"), tmp_path / "own.pem"
    if openssl is None:
        pytest.skip("openssl is not installed")
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([openssl, *request, *names, "-keyout", pem, "-out", f"{pem}.crt"], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + Path(f"{pem}.crt").read_bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    hook.socket = tls.wrap_socket(hook.socket, server_side=True)
    url = f"https://localhost:{hook.server_port}/hush-hush"
    flags = ("--limit", "none", "--no-verify", "--notify", url, "--log-format", "json")
    ended = online("migrate", "--customers", customers, *flags)
    (failed,) = [line for line in map(json.loads, ended.err.splitlines()) if line["event"] == "notify_failed"]
    assert (ended.code, failed["why"], hook.taken) == (0, "its certificate cannot be verified", [])
    ended = online("migrate", "--customers", customers, *flags, "--ca-file", f"{pem}.crt")
    assert (ended.code, "notify_failed" in ended.err) == (0, False)
    assert [document["reason"] for document in hook.taken] == ["complete"]


def test_a_migration_that_cannot_begin_is_notified(online, hook, customers, monkeypatch, tmp_path):
    """By the exit code's name, with what to do."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASIVO_NOTIFY", hook.url)
    ended = online("migrate", "--customers", customers, "--limit", "none", "--state-dir", "file")
    assert ended.code == 2
    (document,) = hook.taken
    assert (document["event"], document["reason"], document["exit_code"]) == ("stopped", "configuration", 2)
    assert document["hint"] in ended.err


@pytest.mark.parametrize(
    "flags",
    [
        ("--notify", "hooks.example/hush"),
        ("--notify", "ftp://hush"),
        ("--notify-command", "nowhere hush"),
        ("--notify-command", "'hush"),
    ],
)
def test_a_wrong_receiver_is_refused_without_being_shown(online, customers, flags):
    """Before anything is sent."""
    ended = online("migrate", "--customers", customers, *flags)
    assert (ended.code, "hush" in ended.err) == (2, False)
    assert flags[0] in ended.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("./missing.sh --pass hush", "begins with ./missing.sh, which cannot be started"),
        ("'hush", "has a quote that is not closed"),
        ("TOKEN=hush ./send.sh", "begins with no program"),
        ("https://hooks.example/hush", "begins with no program"),
    ],
)
def test_a_wrong_command_is_named(online, customers, text, says):
    """But only what is the name of a program."""
    ended = online("migrate", "--customers", customers, "--notify-command", text)
    assert says in " ".join(ended.err.split())
    assert "hush" not in ended.err


def test_each_account_of_a_fleet_notifies(online, hook, sandbox, tmp_path, monkeypatch):
    """One that is done, and one that cannot begin."""
    monkeypatch.delenv("MASIVO_API_KEY")
    monkeypatch.delenv("MASIVO_BASE_URL")
    monkeypatch.setenv("MASIVO_API_KEY_ONE", sandbox.api_key)
    (tmp_path / "one").mkdir()
    write_export(tmp_path / "one/customers.ndjson", [record(Kind.CUSTOMERS, 7007)])
    (tmp_path / "fleet.toml").write_text(
        f'[settings.api]\nbase_url = "{sandbox.url}"\n[settings.limits]\nlimit = []\n'
        f'[settings.notify]\nnotify = "{hook.url}"\n'
        '[[accounts]]\nname = "one"\nfrom = "one"\n[[accounts]]\nname = "two"\nfrom = "one"\n'
    )
    ended = online("fleet", "migrate", "fleet.toml", "--no-verify")
    assert ended.code == 2
    *of_accounts, last = hook.taken
    found = {(each["event"], each["reason"], each["state_dir"], each["account_name"]) for each in of_accounts}
    assert found == {
        ("stopped", "configuration", "fleet-state/two", "two"),
        ("ended", "complete", "fleet-state/one", "one"),
    }, ended.err
    assert {each["fleet"] for each in hook.taken} == {"fleet.toml"}
    assert (last["event"], last["reason"], last["exit_code"]) == ("fleet_ended", "configuration", 2)
    assert [(each["account_name"], each["exit_code"]) for each in last["accounts"]] == [("one", 0), ("two", 2)]
    assert (last["kinds"]["customers"]["accepted"], last["command"]) == (1, "masivo-stream fleet status fleet.toml")
    assert "c7007" not in str(hook.taken)
