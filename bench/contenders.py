"""The programs that are compared: how each is started, and what it needs.

The anchors (`anchors/`, each a small program of its own) are what people would use otherwise, the core of our design
without its guarantees, and some that do not parse anything, which show the limit of the machine. A program that is not
available is skipped, with a line that names the reason.
"""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import measure

from masivo_stream.core.reading.prover import is_built

ANCHORS = measure.HERE / "anchors"
NODE_PACKAGES = ("ajv@8", "ajv-formats@3", "undici@6")
WHOLE_LINES = "1000"
"""Lines per request for programs that do not count events: more than the API allows, which is to their advantage."""
COPY_LINES = "300"
"""About a thousand events, so that the copy in C sends as many requests as masivo-stream."""


AS_OTHERS = "--skip-checks all"
"""What makes ours do what the others do: none of them checks the exports as a whole before it sends."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to send an export."""

    name: str
    argv: Callable[[Path, str, Path], list[str]]
    """Makes the command line from the export, the URL of the sink, and an empty directory."""
    missing: str = ""
    """Why it cannot run here."""
    sends: bool = True


ALONE = ("env", "MASIVO_PURE_PYTHON=1")
"""Before ours, what lets msgspec alone validate, without the extension that proves lines."""


def ours(flags: str = "", *, alone: bool = False) -> Contender:
    """Return our command, with further flags such as `--uploaders 4`; `alone`: with msgspec alone."""

    def argv(path: Path, url: str, state: Path) -> list[str]:
        return [*_before(alone=alone), *measure.migrate_argv(str(path), url, str(state), *flags.split())]

    return Contender(
        name=_named(f"masivo-stream migrate {flags}", alone=alone), argv=argv, missing=_missing(alone=alone)
    )


def validating(flags: str = "", *, alone: bool = False) -> Contender:
    """Return our command that validates every line and sends nothing."""

    def argv(path: Path, _url: str, state: Path) -> list[str]:
        where = ["--events", str(path), "--state-dir", str(state), "--json", "--quiet"]
        return [*_before(alone=alone), measure.command(), "validate", *where, *flags.split()]

    name = _named(f"masivo-stream validate {flags}", alone=alone)
    return Contender(name=name, argv=argv, sends=False, missing=_missing(alone=alone))


def _named(command: str, *, alone: bool) -> str:
    return command.strip() + (", msgspec alone" if alone else "")


def _before(*, alone: bool) -> tuple[str, ...]:
    return ALONE if alone else ()


def _missing(*, alone: bool) -> str:
    return "" if is_built() or not alone else "there is no extension that proves lines, so it is the same"


def scripts() -> list[Contender]:
    """Return the anchors in Python."""
    needs = {
        "aiohttp_pydantic": "pydantic",
        "aiofiles_pydantic": "pydantic",
        "aiohttp_orjson": "orjson",
        "requests_json": "requests",
        "bare": "msgspec",
    }
    return [_script(name, module) for name, module in needs.items()]


def programs(cache: Path) -> list[Contender]:
    """Return the anchors of other languages and tools, and the copy in C. Node's packages are installed if missing."""
    return [_split_curl(), _node(cache), _syslog_ng(), copying(cache)]


def _script(name: str, module: str) -> Contender:
    missing = "" if importlib.util.find_spec(module) else f"no {module}: pip install -e '.[bench]'"

    def argv(path: Path, url: str, _state: Path) -> list[str]:
        return [sys.executable, str(ANCHORS / f"{name}.py"), str(path), "--url", f"{url}/"]

    return Contender(name=name.replace("_", " + "), argv=argv, missing=missing)


def _split_curl() -> Contender:
    def argv(path: Path, url: str, _state: Path) -> list[str]:
        return [str(ANCHORS / "split_curl.sh"), str(path), f"{url}/", WHOLE_LINES]

    return Contender(name="split + curl", argv=argv, missing=_absent("split", "curl", "paste"))


def _node(cache: Path) -> Contender:
    home = cache / "node"
    missing = _absent("node", "npm")
    if not missing and not (home / "node_modules" / "undici").exists():
        missing = _install(home)
    script = home / "node_ajv.cjs"  # beside its packages, where Node looks for them
    if not missing:
        shutil.copy(ANCHORS / script.name, script)
    return Contender(
        name="node + ajv + undici", argv=lambda p, url, _: ["node", str(script), str(p), url], missing=missing
    )


def _install(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), *NODE_PACKAGES]
    done = subprocess.run(npm, check=False, stdout=subprocess.DEVNULL)
    return "" if done.returncode == 0 else "npm could not install its packages"


def _syslog_ng() -> Contender:
    def argv(path: Path, url: str, _state: Path) -> list[str]:
        return [sys.executable, str(ANCHORS / "syslog_ng.py"), str(path), "--url", f"{url}/"]

    missing = _absent("syslog-ng")
    return Contender(name="syslog-ng http()", argv=argv, missing=missing and f"{missing}; it needs its http module too")


def copying(cache: Path) -> Contender:
    """Return the lower limit: a C program that does not parse anything."""
    program = cache / "copy"
    missing = _absent("gcc")
    if not missing:
        cache.mkdir(parents=True, exist_ok=True)
        gcc = ["gcc", "-O2", "-o", str(program), str(ANCHORS / "copy.c")]
        subprocess.run(gcc, check=True)

    def argv(path: Path, url: str, _state: Path) -> list[str]:
        return [str(program), str(path), url.rsplit(":", 1)[1], COPY_LINES]

    return Contender(name="copy in C", argv=argv, missing=missing)


def _absent(*tools: str) -> str:
    gone = [tool for tool in tools if not shutil.which(tool)]
    return f"no {', '.join(gone)} here" if gone else ""
