"""A migrator as it is often written: it retries every failure, and keeps a checkpoint. The storm must find its errors.

It is careful: it renews tokens, halves a refused batch until the bad record is alone, writes down every answered batch,
and continues after it on a restart. But it does not know that a lost answer is not a lost request, and that it may be
killed between an answer and its checkpoint.
"""

import argparse
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from masivo_stream.model.contract import SANDBOX_API_KEY

PATHS = {
    "customers": "/customers/migrate",
    "events": "/customers/migrate/events",
    "transactions": "/customers/migrate/transactions",
}
BATCH = 10
PAUSE = 0.02


class Client:
    """Posts batches until they are answered."""

    def __init__(self, base_url):
        self.base_url, self.token = base_url, ""

    def post(self, kind, records):
        """Send records; return the status of the final answer, 201 or 422."""
        body = json.dumps({"customers": records}).encode()
        while True:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            status, _ = self._call(PATHS[kind], headers, body)
            if status == 401:
                self._log_in()
            if status in (201, 422):
                return status
            time.sleep(PAUSE)

    def _log_in(self):
        _, answer = self._call("/auth/authorize", {"x-api-key": SANDBOX_API_KEY})
        self.token = answer.get("data", "")

    def _call(self, path, headers, body=None):
        request = urllib.request.Request(self.base_url + path, body, headers)  # noqa: S310 - our own sandbox
        try:
            with urllib.request.urlopen(request, timeout=1.5) as answer:  # noqa: S310 - likewise
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}
        except (OSError, ValueError, http.client.HTTPException):
            return 0, {}


class Migration:
    """Sends exports, with a checkpoint after each batch."""

    def __init__(self, client, state):
        self.client, self.state = client, Path(state)
        self.state.mkdir(exist_ok=True)

    def migrate(self, kind, path):
        """Send one kind from its checkpoint on."""
        sys.stderr.write(json.dumps({"event": "phase_started", "kind": kind}) + "\n")
        sys.stderr.flush()
        rows = Path(path).read_bytes().split(b"\n")[:-1]
        done = self.state / f"checkpoint.{kind}"
        begin = int(done.read_text()) if done.exists() else 0
        for start in range(begin, len(rows), BATCH):
            self.send(kind, self.readable(kind, rows, start))
            done.write_text(str(start + BATCH))
            time.sleep(PAUSE)
        sys.stderr.write(json.dumps({"event": "phase_ended", "kind": kind}) + "\n")
        time.sleep(1)  # until they are visible

    def readable(self, kind, rows, start):
        """Return the records of a batch with their lines, without those that must not be sent."""
        records = []
        for number, row in enumerate(rows[start : start + BATCH], start + 1):
            try:
                record = json.loads(row)
            except ValueError as error:
                self.to_dead_letter(kind, number, "invalid_json", str(error))
                continue
            if not isinstance(record, dict):
                self.to_dead_letter(kind, number, "wrong_type", "not an object")
            elif not (record.get("deleted") or record.get("deleted_at") or record.get("status") == "DELETED"):
                records.append((number, _without_reversed(record)))
        return records

    def send(self, kind, records):
        """Send records; halve a refused batch."""
        if not records or self.client.post(kind, [record for _, record in records]) == 201:
            return
        if len(records) == 1:
            self.to_dead_letter(kind, records[0][0], "refused", "422")
            return
        half = len(records) // 2
        self.send(kind, records[:half])
        self.send(kind, records[half:])

    def to_dead_letter(self, kind, line, reason, message):
        """Write a dead letter."""
        letter = {"kind": kind, "line": line, "items": None, "reason": reason, "message": message}
        with (self.state / f"dead-letter.{kind}.ndjson").open("a") as letters:
            letters.write(json.dumps(letter) + "\n")


def _without_reversed(record):
    if not isinstance(record.get("events"), list):
        return record
    return {**record, "events": [event for event in record["events"] if not _is_reversed(event)]}


def _is_reversed(event):
    return isinstance(event, dict) and (event.get("reversed_at") or event.get("status") == "REVERSED")


def main():
    """Migrate the exports that the arguments name; other options are meant for another client, and are ignored."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("base-url", "state-dir", *PATHS):
        parser.add_argument(f"--{name}")
    given, _ = parser.parse_known_args()
    migration = Migration(Client(given.base_url), given.state_dir)
    for kind in PATHS:
        migration.migrate(kind, getattr(given, kind))
    return 3 if any(migration.state.glob("dead-letter.*")) else 0


if __name__ == "__main__":
    sys.exit(main())
