"""A reader who follows advice: takes the next step from a command's text, does it, and checks the result."""

import json
import os
import pty
import re
import shutil
import sqlite3
import ssl
import subprocess
import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, run, shell_path
from fakes import record, transaction, write_export

from masivo_stream.model.contract import Kind

QUICK = {"MASIVO_FIRST_PROBE": "0.05", "MASIVO_EVENTS_SETTLE": "0.3"}
HOLE = re.compile(r"\{[a-z_…]*\}")


def make_record(kind, number, items=1, **fields):
    """Return a valid record of customer `number`, whose balance is the sum of its transactions (1, 2, … items)."""
    if kind != Kind.CUSTOMERS:
        return record(Kind(kind), number, items=items, **fields)
    balance = [{"amount": items * (items + 1) // 2, "reward_id": transaction()["reward_id"]}]
    return record(Kind.CUSTOMERS, number, **{"balance": balance, **fields})


def make_exports(directory, count=3, *, kinds=KINDS, items=1):
    """Write an export of each kind, of customers c0 to c(count - 1)."""
    for kind in kinds:
        write_export(directory / f"{kind}.ndjson", [make_record(kind, number, items) for number in range(count)])
    return directory


def named(directory, kinds=KINDS):
    """Return the flags that name the exports of a directory."""
    found = [(f"--{kind}", directory / f"{kind}.ndjson") for kind in kinds]
    return [part for flag, path in found if path.exists() for part in (flag, path)]


def read_advice(done):
    """Return every piece of advice that a command printed: its hints, next steps, warnings and remedies."""
    found = re.findall(r"^ *(?:hint|next|warning): (.*)$", done.stderr.decode(), re.MULTILINE)
    try:
        document = json.loads(done.stdout)
    except ValueError:
        return found
    return found + list(_read_document(document))


def _read_document(part):
    match part:
        case dict():
            for name, value in part.items():
                if name in {"hint", "remedy", "message", "text"} and isinstance(value, str):
                    yield value
                elif name == "warnings":
                    yield from value
                else:
                    yield from _read_document(value)
        case list():
            for each in part:
                yield from _read_document(each)


def expect_advice(done, text):
    """Check that a command gave this advice; return what was in its holes, which are written as `{…}`."""
    *before, last = HOLE.split(text)
    pattern = "".join(f"{re.escape(part)}(.*?)" for part in before) + re.escape(last)
    for said in read_advice(done):
        if (found := re.fullmatch(pattern, said, re.DOTALL)) is not None:
            return found.groups()
    shown = " ".join((done.stdout + b"\n" + done.stderr).decode().split())
    pattern = "(.*?)".join(map(re.escape, HOLE.split(" ".join(text.split()))))
    found = re.search(pattern, shown)
    assert found is not None, (text, done.stdout, done.stderr)
    return found.groups()


def next_command(done, text):
    """Return the command below this next step."""
    steps = json.loads(done.stdout)["next_steps"]
    (command,) = [step["command"] for step in steps if matches(text, step["text"])]
    return command


def matches(text, said):
    """Return whether a text with holes is what was said."""
    return re.fullmatch(".*?".join(map(re.escape, HOLE.split(text))), said, re.DOTALL) is not None


def paste(line, *, key="", cwd=None, **environment):
    """Give a line to a shell, as a person would who copies it."""
    if key:
        environment["MASIVO_API_KEY"] = key
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, cwd=cwd, timeout=300, check=False,
        env=clean_environment(**{**QUICK, **environment, "PATH": shell_path()}),
    )  # fmt: skip


def type_in(arguments, answer, *, key="", **environment):
    """Run a command whose standard input is a terminal, and type an answer; return the exit code and standard error."""
    ours, theirs = pty.openpty()
    if key:
        environment["MASIVO_API_KEY"] = key
    try:
        os.write(ours, answer.encode() + b"\n")
        return subprocess.run(
            [COMMAND, *map(str, arguments)], stdin=theirs, capture_output=True, timeout=300, check=False,
            env=clean_environment(**{**QUICK, **environment}),
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)


def run_on_a_small_disk(blocks, *arguments, key="", cwd=None, **environment):
    """Run a command that can write no file larger than this number of KiB: for it the disk is then full."""
    if key:
        environment["MASIVO_API_KEY"] = key
    return subprocess.run(
        ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash", COMMAND, *map(str, arguments)],
        capture_output=True, cwd=cwd, timeout=300, check=False, env=clean_environment(**{**QUICK, **environment}),
    )  # fmt: skip


LIMITED = "raise the largest size of a file (ulimit -f, or LimitFSIZE= of a service), then start the same command again"
"""What a command says that `run_on_a_small_disk` has stopped."""


@contextmanager
def small_disk(place, kib):
    """Let a directory, or one file, be on a disk of this number of KiB; then there is room again.

    What is in the directory is gone then; what is in the file stays.
    """
    disk = place if not place.suffix else place.with_name(f".{place.name}.disk")
    disk.mkdir(mode=0o700, parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    mounted = [disk]
    try:
        if disk != place:
            for file in (disk / place.name, place):
                file.touch(mode=0o600)
            subprocess.run(["mount", "--bind", str(disk / place.name), str(place)], check=True)
            mounted.insert(0, place)
        yield
    finally:
        content = place.read_bytes() if disk != place else b""
        for each in mounted:
            subprocess.run(["umount", "-l", str(each)], check=True)
        if disk != place:
            place.write_bytes(content)
            disk.rmdir()


def let_time_pass(shared, seconds):
    """Move what a server has asked to wait, as it is noted for an account, this number of seconds into the past."""
    (quota,) = shared.glob("*.quota.db")
    with closing(sqlite3.connect(quota)) as connection:
        connection.execute("UPDATE holds SET mono = mono - ?, wall = wall - ?", (seconds, seconds))
        connection.commit()


def ask(port, path, *, method="GET", body=None, headers=None):
    """Make a call to this machine as another program would; return status and body of the answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def sending(served, directory, *, state="state"):
    """Return the flags with which a command sends to a sandbox."""
    return ["--base-url", served.url, "--limit", "none", "--state-dir", Path(directory) / state]


def migrate(served, directory, *arguments, **options):
    """Run `migrate` for the exports of `directory`, without waiting long for what it has sent to show."""
    return served.migrate(directory, *arguments, **{**QUICK, **options})


def go(command, served, directory, *arguments, **options):
    """Run a command about the run in `directory`."""
    return run(command, *sending(served, directory), "--json", *arguments, key=served.key, **{**QUICK, **options})


def arrived(served, directory, without=None):
    """Check that every record of the exports, but for these lines, took effect exactly once."""
    ledger = served.ledger()
    assert {kind: ledger[kind] for kind in KINDS} == expected_ledger(directory, without)


@contextmanager
def taking_everything(tmp_path):
    """Serve, encrypted, an API that answers 201 to whatever it is sent; gives its URL, certificate and the requests."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    pem = tmp_path / "both.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:0.0.0.0", "-keyout", pem, "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_bytes(pem.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(self.path)
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # noqa: S104 - an address that is not loopback to a client
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://0.0.0.0:{server.server_port}/api", tmp_path / "cert.pem", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
