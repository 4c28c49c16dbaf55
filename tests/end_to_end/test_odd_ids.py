"""Ids that need escaping, behind a gateway that answers instead of the server for such a path."""

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from end_to_end.test_far_dates import DATES, customer, event, transaction
from end_to_end_tools import KINDS, Served, expected_ledger, run, serving

pytestmark = pytest.mark.slow

QUICK = {"MASIVO_EVENTS_SETTLE": "1", "MASIVO_VISIBLE_TIMEOUT": "5", "MASIVO_FIRST_PROBE": "0.1"}
ODD = ["a/b", "a b", "ñandú", "c:1", "50%", "x?y", "#1", "a+b", "日本", "a\\b"]
DATE = DATES[-1]


@contextmanager
def gateway(sandbox, *, status=404):
    """Serve in front of the sandbox, and answer `status` with a page to paths with an escape."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self):
            if "%" in self.path:
                self._send(status, b"<html>nothing here</html>", "text/html")
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            kept = {
                name: self.headers[name]
                for name in ("Authorization", "x-api-key", "Content-Type")
                if name in self.headers
            }
            asked = urllib.request.Request(
                f"http://127.0.0.1:{sandbox.port}{self.path}", body, kept, method=self.command
            )
            try:
                with urllib.request.urlopen(asked, timeout=300) as answer:  # noqa: S310 - the sandbox
                    self._send(answer.status, answer.read(), "application/json")
            except urllib.error.HTTPError as error:
                self._send(error.code, error.read(), "application/json")

        do_GET = do_POST = do_DELETE = _pass  # noqa: N815 - the library names them so

        def _send(self, code, body, kind):
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Served(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def export(directory, customers):
    made = {
        "customers": [customer(number, DATE) | {"id": name} for number, name in enumerate(customers)],
        "events": [{"id": name, "events": [event(number, DATE)]} for number, name in enumerate(customers)],
        "transactions": [{"id": name, "transactions": [transaction(DATE)]} for name in customers],
    }
    for kind, records in made.items():
        (directory / f"{kind}.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    return directory


def arrived(sandbox, directory):
    ledger = sandbox.ledger()
    assert {kind: ledger[kind] for kind in KINDS} == expected_ledger(directory)


def verified(door, directory):
    sending = ["--base-url", door.url, "--limit", "none", "--state-dir", directory / "state"]
    found = run("verify", "--all", "--json", *sending, key=door.key, **QUICK)
    return found.returncode, json.loads(found.stdout)


@pytest.mark.parametrize("status", [404, 403])
def test_a_run_with_only_odd_ids_behind_a_gateway_continues(tmp_path, status):
    """The run continues after the settling time and reports it.

    A record that cannot be read back is not called missing.
    """
    export(tmp_path, ODD)
    with serving(tmp_path, "--limits", "none") as sandbox, gateway(sandbox, status=status) as door:
        done = door.migrate(tmp_path, **QUICK, MASIVO_SAMPLE="3")
        assert done.returncode == 0, done.stderr
        assert b'"event": "ids_unreadable"' in done.stderr or b'"ids_unreadable"' in done.stderr
        arrived(sandbox, tmp_path)
        code, found = verified(door, tmp_path)
        assert code == 0
        assert all((each["untold"], each["looked_at"]) == (len(ODD), 0) for each in found["kinds"].values())
        assert "need escaping" in found["hint"]


def test_one_plain_id_among_odd_ones_is_enough(tmp_path):
    """It is read back, is visible, and that is enough: no wait for the others, which are still counted separately."""
    export(tmp_path, [*ODD[:5], "c1", *ODD[5:]])
    with serving(tmp_path, "--limits", "none") as sandbox, gateway(sandbox) as door:
        done = door.migrate(tmp_path, **QUICK)
        assert done.returncode == 0, done.stderr
        assert b"ids_unreadable" not in done.stderr
        arrived(sandbox, tmp_path)
        code, found = verified(door, tmp_path)
        assert code == 0
        assert all((each["untold"], each["confirmed"]) == (len(ODD), 1) for each in found["kinds"].values())


def test_odd_ids_without_a_gateway_are_read_back(tmp_path):
    """They are read back like all others."""
    export(tmp_path, ODD)
    with serving(tmp_path, "--limits", "none") as sandbox:
        done = sandbox.migrate(tmp_path, **QUICK)
        assert done.returncode == 0, done.stderr
        arrived(sandbox, tmp_path)
        code, found = verified(sandbox, tmp_path)
        assert (code, [each["untold"] for each in found["kinds"].values()]) == (0, [0, 0, 0])


def test_nothing_is_read_back_without_probes(tmp_path):
    """`visible_probes = 0`: nothing is read back, and nothing is waited for."""
    export(tmp_path, ["c1", "a/b"])
    with serving(tmp_path, "--limits", "none", visible_after=0) as sandbox, gateway(sandbox) as door:
        done = door.migrate(tmp_path, MASIVO_VISIBLE_PROBES="0", MASIVO_EVENTS_SETTLE="60")
        assert done.returncode == 0, done.stderr
        arrived(sandbox, tmp_path)
        assert not [asked for asked in sandbox.get("/__sandbox/requests")["requests"] if "{id}" in asked["path"]]
