"""Measure how far a reader has to walk: the files that one customer touches, and the listings of the package.

`python tests/house.py` prints a table. The walk is a migration of one customer through `migrate()`, against a sandbox
in another thread: the *files* are those with a function that runs, a *move* is a call into another file than the call
before. Only this package counts, only the thread of the event loop (a commit runs in another one), and the entry into a
function, not its resumption. A migration before it has imported and cached what a process needs once. `--moves 20` also
prints the most frequent moves; `--root DIR` measures the listings of another checkout, without the walk.
"""

import argparse
import ast
import io
import json
import statistics
import sys
import tempfile
import threading
import tokenize
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import anyio
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
PACKAGE = "masivo_stream"
KIND = "flow/pipeline/kind.py"
"""The file whose functions are the pipeline of one kind: what they call is inside it."""
SMALL = 40
"""A file of fewer lines with one importer may better join it."""


class Walk:
    """The calls of one migration, in order: the file and name of the function, the caller's file, inside a kind."""

    def __init__(self, package):
        self.package = f"{package}/"
        self.calls = []
        self._seen = set()

    def watch(self, frame, event, _arg):
        """Note a call; for `sys.setprofile`."""
        path = frame.f_code.co_filename
        if event != "call" or not path.startswith(self.package) or frame in self._seen:
            return
        self._seen.add(frame)  # it stays alive, so no other frame is taken for it
        callers, above = [], frame.f_back
        while above is not None:
            if above.f_code.co_filename.startswith(self.package):
                callers.append(above.f_code.co_filename.removeprefix(self.package))
            above = above.f_back
        self.calls.append((path.removeprefix(self.package), frame.f_code.co_name, (*callers, "")[0], KIND in callers))

    def figures(self, *, inside=False):
        """Return how many files were touched, and how many moves there were between them."""
        files = [path for path, _, _, in_kind in self.calls if in_kind or not inside]
        return len(set(files)), sum(one != other for one, other in pairwise(files))

    def moves(self, most, *, inside=False):
        """Return the most frequent calls from one file into another."""
        calls = [each for each in self.calls if each[3] or not inside]
        return Counter((came, path, name) for path, name, came, _ in calls if came != path).most_common(most)


def walk():
    """Migrate one customer, twice: the second time is watched."""
    import masivo_stream
    from masivo_stream import Exports, migrate
    from masivo_stream.edges.config import load_settings
    from masivo_stream.edges.secret import Credentials, Secret
    from masivo_stream.sandbox import SandboxOptions, running

    served, server = threading.Event(), {}

    async def serve():
        async with running(SandboxOptions(port=0)) as sandbox:
            server.update(url=sandbox.url, credentials=Credentials(api_key=Secret(sandbox.api_key)))
            served.set()
            await anyio.sleep_forever()

    threading.Thread(target=anyio.run, args=(serve,), daemon=True).start()
    served.wait()
    path = Walk(Path(masivo_stream.__file__).parent)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(2):
            export = Path(folder) / f"customers-{number}.ndjson"
            customer = {"name": "Ana", "email": f"c{number}@example.com", "registration_date": "2020-01-01T00:00:00Z"}
            export.write_text(json.dumps({"id": f"c{number}", **customer}) + "\n")
            places = {"state_dir": f"{folder}/state-{number}", "shared_dir": f"{folder}/shared"}
            settings = load_settings(flags={"base_url": server["url"], "limit": "none", "sample": 0, **places})

            async def once(settings=settings, export=export, *, watched=bool(number)):
                sys.setprofile(path.watch if watched else None)
                try:
                    return await migrate(settings, server["credentials"], Exports(customers=(str(export),)))
                finally:
                    sys.setprofile(None)

            assert anyio.run(once).exit_code == 0
    return path


class Module:
    """One file of the package, parsed."""

    def __init__(self, path, package):
        self.name = str(path.relative_to(package))
        self.stem, self.room = path.stem, str(path.relative_to(package).parent)
        self.text = path.read_text()
        self.tree = ast.parse(self.text)
        self.lines = len(self.text.splitlines())

    @property
    def is_listed(self):
        return self.stem not in {"__init__", "__main__"}

    @property
    def imports(self):
        """The modules of the package that it imports, at its top."""
        found = {node.module for node in self.tree.body if isinstance(node, ast.ImportFrom) and node.module}
        return {name.removeprefix(f"{PACKAGE}.") for name in found if name.startswith(f"{PACKAGE}.")}

    @property
    def classes(self):
        """The classes that it defines."""
        return [node.name for node in self.tree.body if isinstance(node, ast.ClassDef)]

    @property
    def constructors(self):
        """Every `__init__` with its number of parameters, and its class."""
        for node in ast.walk(self.tree):
            for each in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                    yield count_parameters(each) - 1, f"{node.name} ({self.name})"

    @property
    def functions(self):
        """Every public function of the module with its number of parameters."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                yield count_parameters(node), f"{node.name} ({self.name})"

    @property
    def comment_lines(self):
        """How many lines hold a comment, or begin with one."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def count_parameters(function):
    """Return the number of parameters of a function, `self` among them."""
    arguments = function.args
    return len([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs])


def read_modules(root):
    package = root / PACKAGE
    return [Module(path, package) for path in sorted(package.rglob("*.py"))]


def spread(numbers):
    return f"{statistics.median(numbers):g} / {max(numbers)}"


def worst(counted, most=3):
    return ", ".join(f"{count} {name}" for count, name in sorted(counted, reverse=True)[:most])


def several(named):
    """Return the names that are in more than one place."""
    found = defaultdict(set)
    for name, place in named:
        found[name].add(place)
    return sorted(name for name, places in found.items() if len(places) > 1)


def list_some(names):
    return f"{len(names)}: {', '.join(names)}" if names else "0"


def measure_listings(modules):
    """Yield rows of the table: what is measured, and its figure."""
    listed = [each for each in modules if each.is_listed]
    in_flow = [each for each in listed if each.room.startswith("flow")]
    rooms = Counter(each.room for each in listed)
    importers = Counter(name for each in modules for name in each.imports)
    single = [each for each in listed if importers[each.name.removesuffix(".py").replace("/", ".")] == 1]
    commented, lines = sum(each.comment_lines for each in modules), sum(each.lines for each in modules)
    yield "own imports per module in flow, median / worst", spread([len(each.imports) for each in in_flow])
    yield "  the worst", worst((len(each.imports), each.name) for each in in_flow)
    yield "modules in a listing, the longest", worst((count, room) for room, count in rooms.items())
    yield "parameters of constructors, the most", worst(found for each in modules for found in each.constructors)
    yield "parameters of public functions, the most", worst(found for each in modules for found in each.functions)
    yield "lines of a file, median / most", spread([each.lines for each in listed])
    yield "modules with one importer", str(len(single))
    yield f"  under {SMALL} lines", list_some([each.name for each in single if each.lines < SMALL])
    yield (
        "class names in several modules",
        list_some(several((name, each.name) for each in modules for name in each.classes)),
    )
    yield "module names in several packages", list_some(several((each.stem, each.room) for each in listed))
    yield "lines with a comment", f"{100 * commented / lines:.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="another checkout; its walk is not measured")
    parser.add_argument("--moves", type=int, default=0, metavar="N", help="print the N most frequent moves, too")
    arguments = parser.parse_args()
    table = Table("measured", "figure")
    if arguments.root is None:
        path = walk()
        table.add_row("one customer through migrate(): files / moves", "{} / {}".format(*path.figures()))
        table.add_row("  inside one kind", "{} / {}".format(*path.figures(inside=True)))
    for row in measure_listings(read_modules(arguments.root or ROOT)):
        table.add_row(*row)
    console = Console()
    console.print(table)
    for inside in (False, True) if arguments.moves else ():
        console.print("inside one kind" if inside else "all")
        for (came, went, name), count in path.moves(arguments.moves, inside=inside):
            console.print(f"{count:4} {came or '(start)'} -> {went} {name}", highlight=False)


if __name__ == "__main__":
    main()
