"""A mutation: one place of the program is made wrong, and the named tests must fail."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Mutation:
    """One change of one file of the package."""

    name: str
    file: str
    """Below `masivo_stream`."""
    old: str
    """Occurs there exactly once."""
    new: str
    breaks: str
    """What is lost, in one sentence."""
    tests: tuple[str, ...]
    """Below `tests`; each of them must fail."""

    def path(self, root=ROOT):
        return root / "masivo_stream" / self.file

    @property
    def places(self):
        """Return how often the old text occurs in its file."""
        return self.path().read_text().count(self.old)

    @property
    def mutated(self):
        return self.path().read_text().replace(self.old, self.new)

    @property
    def is_python(self):
        """Return whether the mutated file is valid Python (any test would notice one that is not), or C, never mind."""
        if self.file.endswith((".c", ".h")):
            return True
        try:
            ast.parse(self.mutated)
        except SyntaxError:
            return False
        return True

    @property
    def unknown_tests(self):
        """Return the named tests that no file defines."""
        return [test for test in self.tests if not _exists(test)]


def _exists(test):
    file, _, name = test.partition("::")
    return name.split("[")[0] in _defined(ROOT / "tests" / file)


@cache
def _defined(path):
    """Return the names that a file of tests defines; none if it does not exist."""
    if not path.exists():
        return frozenset()
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "name"))
