"""syslog-ng as a forwarder: file source, `http()` destination, 1000 lines per request, without parsing.

syslog-ng never ends by itself, so this script ends it when the sink has every byte. The number of bytes is exact: n
lines in b requests lose n newlines, get n - b commas, and each request has `{"customers":[` and `]}` around it.
"""

import argparse
import json
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

WRAPPING = len('{"customers":[]}') - 1
POLL = 0.05
CONFIG = """@version: 3.38
source exported {{ file("{file}" flags(no-parse) read-old-records(yes) log-msg-size(33554432)
    log-fetch-limit(1000) log-iw-size(20000)); }};
destination api {{ http(url("{url}") method("POST") headers("Content-Type: application/json") workers(2)
    batch-lines(1000) batch-timeout(100) body("$MESSAGE") body-prefix("{{\\"customers\\":[") delimiter(",")
    body-suffix("]}}") timeout(60)); }};
log {{ source(exported); destination(api); flags(flow-control); }};
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--url", required=True)
    flags = parser.parse_args()
    size = Path(flags.file).stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "syslog-ng.conf"
        config.write_text(CONFIG.format(file=Path(flags.file).resolve(), url=flags.url))
        own = {"--cfgfile": config, "--persist-file": "persist", "--control": "control", "--pidfile": "pid"}
        where = [f"{flag}={Path(folder) / name}" for flag, name in own.items()]
        process = subprocess.Popen(["syslog-ng", "--foreground", "--no-caps", *where])
        try:
            while process.poll() is None and not arrived(flags.url, size):
                time.sleep(POLL)
        finally:
            process.terminate()
            process.wait()


def arrived(url: str, size: int) -> bool:
    with urllib.request.urlopen(f"{url.rsplit('/', 1)[0]}/stats") as answer:
        stats = json.load(answer)
    return stats["bytes"] >= size + stats["bodies"] * WRAPPING


main()
