"""Follow the Dockerfile without an engine: copy what it copies, run what it runs, in an empty folder.

    python tests/image_recipe.py [--extras '[cloud]']

Each `COPY` takes only what `.dockerignore` lets through. Each `RUN` of the first stage is run in order, with the
folders of the image below a temporary one, and with the Python of this environment. Packages of the system (`apt-get`)
are not installed: what they bring must be here. Then the second stage gets what it copies. Its entry point, its health
check and a whole migration are run with its variables, and no others.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
KNOWN = frozenset(
    {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)
FOLDERS = ("/opt/masivo-stream", "/source", "/volume", "/state")
"""Where the image has its files."""


class Instruction(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    value: str


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile, continued lines joined, comments left out.

    Raises:
        ValueError: a line is no instruction that the recipe knows.
    """
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in kept.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, value = line.strip().partition(" ")
            if name not in KNOWN:
                raise ValueError(f"{name} is no instruction that this recipe may have")
            yield Instruction(name, " ".join(value.split()))


def stages(text: str) -> list[list[Instruction]]:
    """Return the instructions of each stage, from its `FROM` on; what comes before the first is left out."""
    found: list[list[Instruction]] = []
    for each in instructions(text):
        if each.name == "FROM":
            found.append([])
        if found:
            found[-1].append(each)
    return found


def let_through(ignore: str) -> list[str]:
    """Return the patterns that `.dockerignore` lets through to the builder."""
    return [line[1:].strip() for line in ignore.splitlines() if line.startswith("!")]


def sources(copy: str) -> tuple[list[str], str]:
    """Return what a `COPY` copies, and where to."""
    *found, target = copy.split()
    return found, target


def variables(stage: list[Instruction]) -> dict[str, str]:
    """Return the variables that the `ENV` of a stage sets."""
    return dict(pair.split("=", 1) for each in stage if each.name == "ENV" for pair in each.value.split())


class Recipe:
    """The folders of an image, below a temporary one."""

    def __init__(self, place: Path, extras: str) -> None:
        """Begin with nothing."""
        self.place = place
        self.extras = extras

    def inside(self, text: str) -> str:
        """Return a command or a path with the image's folders moved below ours."""
        pattern = "|".join(map(re.escape, FOLDERS))
        return re.sub(rf"(?<![\w./-])({pattern})(?![\w-])", lambda match: f"{self.place}{match[1]}", text)

    def build(self, stage: list[Instruction], patterns: list[str]) -> None:
        """Follow the first stage.

        Raises:
            ValueError: a file that it copies does not reach the builder.
            subprocess.CalledProcessError: a command fails.
        """
        work = self.place
        for name, value in stage:
            match name:
                case "WORKDIR":
                    work = Path(self.inside(value))
                    work.mkdir(parents=True)
                case "COPY":
                    self._copy(*sources(value), work, patterns)
                case "RUN" if value.startswith("apt-get"):
                    say(f"not run, packages of the system: {value}")
                case "RUN":
                    self._run(value, work, variables(stage))

    def _copy(self, named: list[str], target: str, work: Path, patterns: list[str]) -> None:
        for name in named:
            if not any(fnmatch(name, pattern) for pattern in patterns):
                raise ValueError(f".dockerignore keeps {name} from the builder")
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "*.so")
                shutil.copytree(source, work / target, ignore=ignored)
            else:
                shutil.copy(source, work / target)

    def _run(self, command: str, work: Path, given: dict[str, str]) -> None:
        """Run a command as the builder's shell does: no variable but those of the recipe and of package indexes."""
        mine = os.geteuid(), os.getegid()
        owned = re.sub(r"-o \d+ -g \d+", f"-o {mine[0]} -g {mine[1]}", command)
        bare = re.sub(r"(?<![\w/-])python(?= -m venv)", sys.executable, owned)
        say(f"run: {command}")
        subprocess.run(
            ["sh", "-euc", self.inside(bare)], cwd=work, env=environment(given, EXTRAS=self.extras), check=True
        )

    def try_out(self, stage: list[Instruction]) -> None:
        """Start what the second stage starts, with its variables.

        Raises:
            AssertionError: it does not end as it should.
            subprocess.CalledProcessError: the migration fails.
        """
        for each in stage:
            if each.name == "COPY":
                assert Path(self.inside(each.value.split()[1])).exists(), each.value
        shutil.copytree(self.place / "volume", self.place, dirs_exist_ok=True)
        given = {key: self.inside(value) for key, value in variables(stage).items()}
        given["PATH"] = given["PATH"].replace("$PATH", os.defpath)
        bare = {**given, "HOME": "/nonexistent"}
        entry = json.loads(next(value for name, value in stage if name == "ENTRYPOINT"))
        after = json.loads(next(value for name, value in stage if name == "CMD"))
        shown = subprocess.run([*entry, *after], env=bare, capture_output=True, text=True, check=True).stdout
        assert "Usage: masivo-stream" in shown
        check = json.loads(next(value for name, value in stage if name == "HEALTHCHECK").partition("CMD ")[2])
        program = self.place / "opt/masivo-stream/bin" / check[0]
        subprocess.run([program, *check[1:]], env=bare, check=True)  # good, since process 1 is no migration here
        subprocess.run(
            [*entry, "demo", "--records", "200", "--directory", self.place / "state/demo"], env=bare, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        assert not (self.place / "opt/masivo-stream/bin/pip").exists()


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def environment(given: dict[str, str], **more: str) -> dict[str, str]:
    """Return the variables of a command: the recipe's, and where this machine finds packages."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in {"PATH", "HOME"}}
    return {**kept, "PIP_QUIET": "1", **given, **more}


def main() -> None:
    """Follow the recipe."""
    parser = argparse.ArgumentParser(description="Follow the Dockerfile without an engine.")
    parser.add_argument("--extras", default="", help="such as [cloud]")
    extras = parser.parse_args().extras
    build, final = stages((ROOT / "Dockerfile").read_text())
    with tempfile.TemporaryDirectory() as place:
        recipe = Recipe(Path(place), extras)
        recipe.build(build, let_through((ROOT / ".dockerignore").read_text()))
        recipe.try_out(final)
    say("the recipe can be followed; base images, users, layers and the network of an engine were not tried")


if __name__ == "__main__":
    main()
