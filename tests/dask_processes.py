"""Makes Dask schedulers and workers as processes of their own, as `dask scheduler` and `dask worker` start them."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import forks

import masivo_stream

TESTS = Path(__file__).parent
PATIENCE = 60


def make_certificates(directory):
    """Make an authority and one certificate that it has signed, for all sides. Returns settings for the environment."""
    files = {name: str(directory / f"{name}.pem") for name in ("ca", "ca-key", "cert", "key", "request")}

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", files["ca-key"], "-out", files["ca"]
    )
    openssl("req", *key, "-subj", "/CN=cluster", "-keyout", files["key"], "-out", files["request"])
    openssl(
        *("x509", "-req", "-days", "2", "-in", files["request"], "-CA", files["ca"], "-CAkey", files["ca-key"]),
        *("-CAcreateserial", "-out", files["cert"]),
    )
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    sides = {
        f"{prefix}{side}__{what.upper()}": files[what]
        for side in ("SCHEDULER", "WORKER", "CLIENT")
        for what in ("cert", "key")
    }
    return {f"{prefix}CA_FILE": files["ca"], **sides}


def other_installation(directory, *, version="", change="", broken=False):
    """Make a directory that comes first on a worker's path, with another masivo-stream in it."""
    package, own = Path(masivo_stream.__file__).parent, directory / "masivo_stream"
    if change:
        shutil.copytree(package, own, ignore=shutil.ignore_patterns("__pycache__"))
        with (own / "__init__.py").open("a") as source:
            source.write(change)
    if broken:
        own.mkdir(parents=True)
        (own / "__init__.py").write_text("")
    if version:
        metadata = directory / f"masivo_stream-{version}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: masivo-stream\nVersion: {version}\n")
    return {"PYTHONPATH": f"{directory}{os.pathsep}{TESTS}"}


class DaskProcesses:
    """A scheduler and its workers, which can be stopped and killed one by one."""

    def __init__(self, directory, certificates=None, prefixes=(), *, forked=False):
        """Keep files in `directory`; `prefixes` are commands before each process, first the scheduler's.

        Processes that are `forked` start in a tenth of the time (`forks`).
        """
        self._forked = forked
        self._directory, self._tls = directory, certificates is not None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MASIVO_", "DASK_"))},
            **(certificates or {}),
            "PYTHONPATH": str(TESTS),
            "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
            "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
        }
        self._prefixes = list(prefixes)
        self._file = directory / "scheduler.json"
        self.address, self.scheduler, self.workers = "", None, []

    def start_scheduler(self, host="127.0.0.1", port=0, **environment):
        """Start the scheduler, and wait until it listens."""
        self._file.unlink(missing_ok=True)
        protocol = ("--protocol", "tls") if self._tls else ()
        more = ("--host", host, "--port", str(port), "--no-show", "--no-dashboard", "--scheduler-file", str(self._file))
        self.scheduler = self._start("scheduler", *protocol, *more, **environment)
        self.address = self._read_address()

    def start_worker(self, *arguments, host="127.0.0.1", **environment):
        """Start a worker of one thread; it need not have come up yet."""
        where = ("--host", host, "--nthreads", "1", "--no-dashboard", "--local-directory", str(self._directory))
        self.workers.append(self._start("worker", self.address, *where, *(arguments or ("--no-nanny",)), **environment))
        return self.workers[-1]

    def stop_worker(self, process):
        """End a worker, if it has not ended."""
        self.workers.remove(process)
        process.terminate()
        process.wait()

    def _start(self, role, *arguments, **environment):
        environment = {**self._environment, **environment}
        with (self._directory / f"{role}.log").open("ab") as log, open(os.devnull, "rb") as nothing:  # noqa: PTH123
            prefix = self._prefixes.pop(0) if self._prefixes else ()
            other = Path(environment["PYTHONPATH"].partition(os.pathsep)[0], "masivo_stream")
            if prefix or other.exists() or not self._forked:
                return subprocess.Popen(
                    [*prefix, sys.executable, "-m", f"distributed.cli.dask_{role}", *arguments],
                    stdin=nothing,
                    stdout=log,
                    stderr=log,
                    cwd=self._directory,
                    env=environment,
                )
            streams = nothing.fileno(), log.fileno(), log.fileno()
            program, where = f"distributed.cli.dask_{role}:main", self._directory
            return forks.start([role, *arguments], environment=environment, streams=streams, cwd=where, program=program)

    def _read_address(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.scheduler.poll() is None:
            try:
                return json.loads(self._file.read_text())["address"]
            except (OSError, ValueError):  # not there yet, or not complete
                time.sleep(0.05)
        raise AssertionError((self._directory / "scheduler.log").read_text())

    def log(self):
        """Return what all processes have written."""
        return "".join(path.read_text() for path in sorted(self._directory.glob("*.log")))

    def stop(self):
        """End all processes at once: a worker without its scheduler takes seconds to end in an orderly way."""
        for process in filter(None, (*self.workers, self.scheduler)):
            process.kill()
            process.wait()
        self.workers.clear()


@contextmanager
def dask_processes(directory, *, workers=2, certificates=None):
    """Run a scheduler with workers while the context lasts."""
    with ExitStack() as stack:
        found = DaskProcesses(directory, certificates, forked=True)
        stack.callback(found.stop)
        found.start_scheduler()
        for _ in range(workers):
            found.start_worker()
        yield found
