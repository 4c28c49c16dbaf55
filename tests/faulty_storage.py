"""An S3 server that is not ours, behind a proxy of ours: it refuses, cuts and delays answers, and the server restarts.

What a real service keeps is kept here, too: after a restart, the server has all objects again before it gets a request.
"""

import random
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from moto_server import MotoServer
from object_server import Bucket, Handler, Server, credentials

FAULTS = {
    "503": 6,
    "500": 2,
    "429": 2,
    "reset": 5,
    "wrong-length": 3,
    "short": 3,
    "other-range": 1,
    "slow": 6,
    "drip": 6,
}
"""How often in a hundred requests each of them is drawn."""

SLOWEST = 1.5
"""Seconds that a range may take."""

PIECES = 20
_HEADERS = ("Range", "If-Match", "Authorization", "Content-Type")
_PASSED_ON = ("ETag", "Last-Modified", "Content-Range", "Content-Type", "Accept-Ranges", "x-amz-version-id")


@dataclass
class AtRead:
    """What is to happen when an object is read for the next time, or some reads later."""

    key: str
    after: int
    """Reads that come before."""
    action: object
    happened: bool = False


class FaultyStorage:
    """Moto's server, its objects, and the proxy before it."""

    def __init__(self, directory, seed):
        """Start the server; `directory` is where it logs."""
        self._directory, self._chance = directory, random.Random(seed)
        self._server = MotoServer(directory / "moto.log")
        self._objects, self._buckets = {}, []
        self._up, self._lock = threading.Event(), threading.Lock()
        self._up.set()
        self._restarting = None
        self.seen = Counter()
        """Answers by status, faults by name, restarts."""
        self.url = ""
        self.at_read = None
        self.down = False
        """While this is set, every connection is reset."""

    @property
    def environment(self):
        """What a client has in its environment."""
        return credentials(self.url)

    # The objects.

    def make_bucket(self, name):
        """Make a bucket."""
        self._buckets.append(name)
        self._server.put(name)

    def put(self, path, body):
        """Write an object."""
        self._objects[path] = body
        self._server.put(path, body)

    def get(self, path):
        """Return an object; of what clients have written, too."""
        return self._objects[path] if path in self._objects else self._server.get(path)

    def remove(self, path):
        """Remove an object."""
        del self._objects[path]
        self._server.remove(path)

    def restart(self):
        """Kill the server, whatever it does, and start another one, which takes a while."""
        self.seen["restarts"] += 1
        self._up.clear()
        self._restarting = threading.Thread(target=self._start_again)
        self._restarting.start()

    def wait_until_up(self):
        """Wait for a restart."""
        if self._restarting is not None:
            self._restarting.join()

    def _start_again(self):
        self._server.kill()
        self._server = MotoServer(self._directory / "moto.log")
        for name in self._buckets:
            self._server.put(name)
        for path, body in self._objects.items():
            self._server.put(path, body)
        self._up.set()

    # The proxy.

    def before(self, key, *, reads):
        """Do what is to happen when an object is read."""
        with self._lock:
            planned = self.at_read
            if planned is None or planned.happened or planned.key != key or not reads:
                return
            planned.after -= 1
            if planned.after >= 0:
                return
            planned.happened = True
        planned.action()

    def draw(self):
        """Return the fault of a request, or nothing."""
        with self._lock:
            (fault,) = self._chance.choices([*FAULTS, ""], [*FAULTS.values(), 100 - sum(FAULTS.values())])
            if fault:
                self.seen[fault] += 1
            return fault

    @property
    def is_up(self):
        """Whether the server takes requests."""
        return self._up.is_set() and not self.down

    def ask(self, method, path, headers, body):
        """Pass a request on; return status, headers and body of the answer."""
        with closing(HTTPConnection("127.0.0.1", self._server.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            with closing(connection.getresponse()) as answer:
                return answer.status, answer.headers, answer.read()

    def wait(self, share):
        """Make a piece of an answer late."""
        time.sleep(share * SLOWEST * self._chance.random())

    def close(self):
        """End the server."""
        self.wait_until_up()
        self._server.kill()


class ProxyHandler(Handler):
    """Passes one request on, and spoils the answer."""

    def _put(self, body):
        self._pass_on(body)

    def _answer(self, *, with_body):
        self._pass_on(None, reads=with_body)

    def _pass_on(self, body, *, reads=False):
        storage = self.server.storage
        storage.before(self._key(), reads=reads)
        fault = storage.draw()
        if fault.isdigit():
            self._fail(int(fault))
            return
        headers = {name: self.headers[name] for name in _HEADERS if name in self.headers}
        try:
            if not storage.is_up:
                raise ConnectionError
            status, told, answer = storage.ask(self.command, self.path, headers, body)
            if not storage.is_up:  # killed in the middle of the answer
                raise ConnectionError
        except (OSError, HTTPException):
            storage.seen["no server"] += 1
            self._cut()
            return
        storage.seen[str(status)] += 1
        facts = {name: told[name] for name in _PASSED_ON if name in told}
        if self.command == "HEAD":
            self._send(status, b"", {**facts, "Content-Length": told.get("Content-Length", "0")})
        elif status == 206 and fault:
            first, _, size = facts["Content-Range"].removeprefix("bytes ").partition("/")
            self._send_piece(answer, facts, fault, first.partition("-")[0], size)
        else:
            self._send(status, answer, facts)

    def _send_piece(self, piece, facts, fault, first, size):
        if fault != "drip":
            super()._send_piece(piece, facts, fault, first, size)
            return
        self._begin(206, {**facts, "Content-Length": str(len(piece))})
        step = 1 + len(piece) // PIECES
        for begin in range(0, len(piece), step):
            self.wfile.write(piece[begin : begin + step])
            self.wfile.flush()
            self.server.storage.wait(1 / PIECES)


@contextmanager
def faulty_storage(directory, seed):
    """Serve storage without a bucket until the end of the block."""
    storage = FaultyStorage(directory, seed)
    server = Server(("127.0.0.1", 0), ProxyHandler)
    server.bucket, server.storage = Bucket(), storage
    storage.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        storage.close()
