"""What an export in object storage costs more than on disk: reading, and all of `validate` and `migrate`, in turns.

    .venv/bin/python bench/object_storage.py [MEGABYTES] [ROUNDS]

A server of this script's own, shaped like S3, sends ranges of the same file from memory with `sendfile`, on loopback:
so it shows what the reading costs this machine, not how fast a network is. Ratios are of user CPU time; the wall clock
is shown beside.
"""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import measure as commands

COMMAND = Path(sys.executable).with_name("masivo-stream")
READ = """
import sys
import anyio
from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.edges.export.source import read_blocks
from masivo_stream.flow.look_up import look_up
async def read():
    return sum([len(block) async for block in read_blocks(look_up(sys.argv[1:], Patience())[0], block_bytes=1 << 20)])
print(anyio.run(read))
"""


class Handler(BaseHTTPRequestHandler):
    """Sends ranges of the file that the server has open."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send a range."""
        size = os.fstat(self.server.file).st_size
        first, last = map(int, re.findall(r"\d+", self.headers["Range"]))
        last = min(last, size - 1)
        self.send_response_only(206)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.flush()
        while first <= last:
            first += os.sendfile(self.connection.fileno(), self.server.file, first, last - first + 1)


def serve(path: str) -> None:
    """Serve a file until killed; print the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.file = os.open(path, os.O_RDONLY)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def measure(argv: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Return user CPU seconds, wall seconds and the peak of resident memory in MB of a command and its children."""
    probe = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); print(used.ru_utime, used.ru_maxrss / 1024)"
    )
    began = time.monotonic()
    out = subprocess.run(
        [sys.executable, "-c", probe, *argv], stdout=subprocess.PIPE, check=True, env=environment, text=True
    ).stdout
    user, peak = map(float, out.split())
    return user, time.monotonic() - began, peak


def main() -> None:
    """Measure."""
    megabytes, rounds = (int(word) for word in (sys.argv[1:] + ["100", "5"][len(sys.argv) - 1 :]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name, commands.sink() as sink:
        path = Path(name) / "customers.ndjson"
        subprocess.run(
            [COMMAND, "generate", "customers", "--records", str(megabytes * 1_000_000 // 682), "-o", path], check=True
        )
        server = subprocess.Popen([sys.executable, __file__, "serve", path], stdout=subprocess.PIPE, text=True)
        port = server.stdout.readline().strip()
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "NO_PROXY": "127.0.0.1",
            **{key: value for key, value in commands.environment().items() if key.startswith("MASIVO_")},
            "MASIVO_SHARED_DIR": f"{name}/shared",
        }
        size = path.stat().st_size / 1e6
        state = ["--state-dir", f"{name}/state", "--workers", "1", "--json"]

        def migrate(export: str) -> list[str]:
            """Return a migration at full speed: each one has a state directory of its own."""
            own = tempfile.mkdtemp(dir=name)
            return commands.migrate_argv(
                export, sink.url, f"{own}/state", "--workers", "1", "--skip-checks", "all", "--again", kind="customers"
            )

        try:
            for what, argv in (
                ("read", lambda export: [sys.executable, "-c", READ, export]),
                ("validate", lambda export: [str(COMMAND), "validate", "--customers", export, *state]),
                ("migrate", migrate),
            ):
                found: dict[str, list[tuple[float, float, float]]] = {"disk": [], "object": []}
                for _ in range(rounds):
                    for place, export in (("disk", str(path)), ("object", "s3://exports/customers.ndjson")):
                        found[place].append(measure(argv(export), environment))
                for place, rows in found.items():
                    user, wall, peak = (statistics.median(column) for column in zip(*rows, strict=True))
                    rate = size / wall
                    print(f"{what:9}{place:7} user {user:6.2f} s  wall {wall:6.2f} s {rate:6.0f} MB/s {peak:5.0f} MB")
                ratios = [one[0] / other[0] for one, other in zip(found["object"], found["disk"], strict=True)]
                print(f"{what:9}user CPU, object to disk: {statistics.median(ratios):.2f}")
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1:2] == ["serve"] else main()
