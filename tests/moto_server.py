"""An S3 server that is not ours: moto's, in a process of its own, and a client as simple as can be."""

import re
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

MOTO = Path(sys.executable).with_name("moto_server")

SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA-TEST/20261130/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
"""Without any signature an object cannot be replaced."""

SECONDS = 60
"""Until a server that has been started must listen, and until it must answer."""


class MotoServer:
    """A running server. It keeps buckets in memory, and checks no signatures."""

    def __init__(self, log):
        """Start it; `log` is a file that shows where it listens."""
        with log.open("wb") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-u", MOTO, "-H", "127.0.0.1", "-p", "0"], stdout=subprocess.DEVNULL, stderr=told
            )
        until = time.monotonic() + SECONDS
        while (found := re.search(rb"Running on http://127.0.0.1:(\d+)", log.read_bytes())) is None:
            assert self._process.poll() is None, log.read_bytes()
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.05)
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def put(self, path, body=b""):
        """Write an object, or make a bucket."""
        return self._request("PUT", path, body)

    def get(self, path):
        """Return an object, or what is in a bucket."""
        return self._request("GET", path)

    def remove(self, path):
        """Remove an object."""
        return self._request("DELETE", path)

    def _request(self, method, path, body=None):
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            connection.request(method, f"/{quote(path, safe='/?=')}", body, {"Authorization": SIGNED})
            with closing(connection.getresponse()) as answer:
                text = answer.read()
        assert answer.status in {200, 204}, text
        return text

    def kill(self):
        """End it at once, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait()
