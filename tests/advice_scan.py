"""All places of the package that give advice, found in its source; nothing of the package is imported.

Advice is a text that reaches one of these:

* an argument, a field, an attribute or a variable with a name of `SINKS`, whoever takes it and however it is given;
* the `text` of a `NextStep`;
* what the functions of `flow/dry_run/advice.py` yield;
* any other text that reads like advice (`READS_LIKE_ADVICE`): one that names a command, a flag or "start again", say.

A text is followed through constants, imports, conditions, dictionaries, local variables and what functions return. A
value that leads to no text is reported as unresolved, so a hint that is made in a new way fails the test instead of
slipping through. Holes of f-strings are written as `{…}`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "masivo_stream"
SINKS = frozenset({"hint", "remedy", "hints", "remedies", "advice", "next_step"})
"""Names of what takes advice; of a variable's name, its last word counts (`_HINT`, `default_hint`)."""

HOLE = "{…}"
READS_LIKE_ADVICE = re.compile(
    r"masivo-stream [a-z{`]"  # a command to give
    r"|(?:^|[ (`])--[a-z]{2,}"  # a flag to give
    r"|MASIVO_[A-Z]+ (?:to|in|=)|=\{…\} masivo-stream"
    r"|\bhint: \S"
    r"|\bagain\b.*\b(?:command|later|when)\b|\b(?:start|try|run|look|check|export|copy) (?:it )?again\b|\btry later\b"
    r"|\b(?:choose|name|pick) an?other\b|\bdid you mean\b|\bplease\b|^see |\bsee (?:config|the |docs)"
    r"|\b(?:free|restore|mend|delete|remove|keep) the\b|\breport this\b|\blook (?:it )?up\b|\bput it back\b",
    re.IGNORECASE,
)
_IS_A_FLAG = re.compile(r"--[a-z-]+\Z")
_PASSES_ON = frozenset({"printable", "mask", "str", "Text"})
"""Calls that return the text they are given."""
_DEPTH = 12
_PHRASE = 3
"""Words that make a phrase: less in a hole is a name or a number."""


@dataclass(frozen=True, order=True)
class Advice:
    """A text that advises a person."""

    module: str
    """Below `masivo_stream`, such as `edges/export/source.py`."""
    text: str
    line: int = field(compare=False, default=0)


@dataclass(frozen=True, order=True)
class Unresolved:
    """A place that gives advice which the scanner cannot find out."""

    module: str
    line: int
    why: str


class _Lost(Exception):  # noqa: N818 - a turn of the scanner, not an error
    """A value leads to no text."""


@dataclass
class _Module:
    name: str
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    constants: dict[str, list[ast.expr]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, source: str) -> "_Module":  # noqa: C901 - one case per kind of node
        module = cls(name, ast.parse(source))
        for node in ast.walk(module.tree):
            for child in ast.iter_child_nodes(node):
                module.parents[child] = node
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    module.functions.setdefault(node.name, []).append(node)
                case ast.ClassDef():
                    module.classes[node.name] = node
                case ast.ImportFrom(module=str() as origin, names=names):
                    for alias in names:
                        module.imports[alias.asname or alias.name] = (_path(origin), alias.name)
                case ast.Assign(targets=targets, value=value) if not module.scope(node):
                    for target in targets:
                        if isinstance(target, ast.Name):
                            module.constants.setdefault(target.id, []).append(value)
                case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if not module.scope(node):
                    module.constants.setdefault(found, []).append(value)
                case _:
                    pass
        return module

    def scope(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | None:
        """Return the function or class around a node, None for the module."""
        while (above := self.parents.get(node)) is not None:
            if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
                return above
            node = above
        return None

    def function_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
        """Return the function around a node."""
        found = self.scope(node)
        while isinstance(found, ast.ClassDef):
            found = self.scope(found)
        return found


def _path(dotted: str) -> str:
    return dotted.removeprefix("masivo_stream").lstrip(".").replace(".", "/")


def is_sink(name: str) -> bool:
    """Return whether something with this name takes advice."""
    words = name.lower().strip("_")
    return words in SINKS or words.rpartition("_")[2] in SINKS


def scan(root: Path = PACKAGE) -> tuple[list[Advice], list[Unresolved]]:
    """Return all advice of a package, each text once a module, and what could not be followed."""
    sources = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))}
    pages = {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.suffix in {".js", ".html", ".svg"}
    }
    return scan_sources(sources, pages)


def scan_sources(sources: dict[str, str], pages: dict[str, str] | None = None) -> tuple[list[Advice], list[Unresolved]]:
    """Return the advice in sources by path, and in pages and scripts that a browser shows."""
    scanner = _Scanner({name: _Module.read(name, source) for name, source in sources.items()})
    scanner.run()
    found = set(scanner.found)
    for name, text in (pages or {}).items():
        found.update(Advice(name, said, line) for said, line in _said_by_page(name, text))
    return sorted(found), sorted(set(scanner.lost))


def _said_by_page(name: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield what a page or its script says that reads like advice."""
    pattern = r'"([^"\n]*)"' if name.endswith(".js") else r">([^<>{}]*)<"
    for match in re.finditer(pattern, text):
        said = " ".join(match[1].split())
        if READS_LIKE_ADVICE.search(said):
            yield said, text.count("\n", 0, match.start()) + 1


class _Scanner:
    def __init__(self, modules: dict[str, _Module]) -> None:
        self._modules = modules
        self.found: list[Advice] = []
        self.lost: list[Unresolved] = []
        self._seen: set[ast.AST] = set()
        """Nodes whose text is known to be advice."""
        self._takers: dict[str, list[tuple[str, int | None, str]]] = {}
        """Callables that take advice, by name: their module, the position of that argument, and its name."""
        self._calls: dict[str, list[tuple[_Module, ast.Call]]] = {}
        """Calls by the name of what is called, as that is defined."""

    def run(self) -> None:
        for module in self._modules.values():
            self._find_takers(module)
            self._find_calls(module)
        for module in self._modules.values():
            for node in ast.walk(module.tree):
                self._look_at(module, node)
        for module in self._modules.values():
            self._look_for_the_rest(module)

    # Who takes advice

    def _find_takers(self, module: _Module) -> None:
        for functions in module.functions.values():
            for function in functions:
                names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
                if names and names[0] in {"self", "cls"}:
                    names = names[1:]
                for name in (*names, *(each.arg for each in function.args.kwonlyargs)):
                    if is_sink(name):
                        place = names.index(name) if name in names else None
                        taker = function.name
                        if taker == "__init__" and isinstance(owner := module.scope(function), ast.ClassDef):
                            taker = owner.name
                        self._takers.setdefault(taker, []).append((module.name, place, name))
        for found in module.classes.values():
            fields = [
                each.target.id
                for each in found.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            ]
            for name in fields:
                if is_sink(name) or (found.name, name) == ("NextStep", "text"):
                    self._takers.setdefault(found.name, []).append((module.name, fields.index(name), name))

    def _find_calls(self, module: _Module) -> None:
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=ast.Name(id=name)):
                    self._calls.setdefault(module.imports.get(name, ("", name))[1], []).append((module, node))
                case ast.Call(func=ast.Attribute(attr=name)):
                    self._calls.setdefault(name, []).append((module, node))
                case _:
                    pass

    def _taker(self, module: _Module, call: ast.expr) -> tuple[int | None, str] | None:
        """Return the position at which a called thing takes advice."""
        match call:
            case ast.Name(id=name):
                home = module.name
                if name not in module.functions and name not in module.classes and name in module.imports:
                    origin, name = module.imports[name]
                    home = self._file(origin)
                takers = self._takers.get(name, [])
                exact = [taker for taker in takers if taker[0] == home]
                if exact or name in module.functions or name in module.classes:
                    takers = exact
            case ast.Attribute(attr=name):
                takers = self._takers.get(name, [])
            case _:
                return None
        return (takers[0][1], takers[0][2]) if takers else None

    def _file(self, origin: str) -> str:
        return next((name for name in (f"{origin}.py", f"{origin}/__init__.py") if name in self._modules), "")

    # Where it is given

    def _look_at(self, module: _Module, node: ast.AST) -> None:  # noqa: C901 - one case per kind of node
        match node:
            case ast.Call():
                self._look_at_call(module, node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._look_at_target(module, target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._look_at_target(module, target, value)
            case ast.AugAssign(target=target, value=value):
                self._look_at_target(module, target, value)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._look_at_defaults(module, node)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str) and is_sink(key.value):
                        self._take(module, value)
            case ast.Yield(value=ast.expr() as value) if module.name == "flow/dry_run/advice.py":
                self._take(module, value)
            case _:
                pass

    def _look_at_call(self, module: _Module, call: ast.Call) -> None:
        taker = self._taker(module, call.func)
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        for name, value in given.items():
            if name is not None and (is_sink(name) or (taker is not None and name == taker[1])):
                self._take(module, value)
        if isinstance(call.func, ast.Name) and call.func.id in {"setattr", "partial"}:
            self._look_at_indirect(module, call)
        if taker is None:
            return
        place, name = taker
        if name in given:
            return
        before = call.args if place is None else call.args[: place + 1]
        if None in given or any(isinstance(each, ast.Starred) for each in before):
            self._lose(module, call, f"{ast.unparse(call.func)} is given what cannot be told apart")
        elif place is not None and place < len(call.args):
            self._take(module, call.args[place])

    def _look_at_indirect(self, module: _Module, call: ast.Call) -> None:
        """Look at `setattr(x, "hint", …)` and `partial(taker, …)`."""
        match call.func, call.args:
            case ast.Name(id="setattr"), [_, ast.Constant(value=str() as name), value] if is_sink(name):
                self._take(module, value)
            case ast.Name(id="partial"), [called, *rest] if (taker := self._taker(module, called)) is not None:
                place, name = taker
                if name not in {keyword.arg for keyword in call.keywords} and (place is None or len(rest) <= place):
                    self._lose(module, call, f"{ast.unparse(called)} is called without a hint that could be seen")
                elif place is not None and place < len(rest):
                    self._take(module, rest[place])
            case _:
                pass

    def _look_at_target(self, module: _Module, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name(id=name) | ast.Attribute(attr=name) if is_sink(name):
                self._take(module, value)
            case ast.Tuple(elts=targets):
                for place, each in enumerate(targets):
                    if isinstance(each, ast.Name | ast.Attribute) and is_sink(getattr(each, "id", "") or each.attr):
                        self._take(module, value, place)
            case ast.Subscript(slice=ast.Constant(value=str() as key)) if is_sink(key):
                self._take(module, value)
            case _:
                pass

    def _look_at_defaults(self, module: _Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        taken = function.args
        positional = [*taken.posonlyargs, *taken.args]
        pairs = [*zip(positional[len(positional) - len(taken.defaults) :], taken.defaults, strict=True)]
        pairs += [(name, default) for name, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if default]
        for name, default in pairs:
            if is_sink(name.arg):
                self._take(module, default)

    def _take(self, module: _Module, value: ast.expr, place: int | None = None) -> None:
        """Note the texts that a value may be; `place` selects from a tuple."""
        try:
            for home, text, node in self._texts(module, value, place, _DEPTH):
                self._seen.add(node)
                if text.strip():
                    self.found.append(Advice(home.name, text, getattr(node, "lineno", 0)))
        except _Lost as lost:
            self._lose(module, value, str(lost))

    def _lose(self, module: _Module, node: ast.expr, why: str) -> None:
        self.lost.append(Unresolved(module.name, node.lineno, why))

    # What it says

    def _texts(  # noqa: C901, PLR0912 - one case per kind of expression
        self, module: _Module, value: ast.expr, place: int | None, depth: int
    ) -> Iterator[tuple[_Module, str, ast.AST]]:
        if depth == 0:
            raise _Lost("it leads in a circle")
        match value:
            case ast.Constant(value=str() as text) if place is None:
                yield module, text, value
            case ast.Constant(value=None):
                pass
            case ast.JoinedStr() if place is None:
                self._seen.update(ast.walk(value))
                for text in self._spellings(module, value, depth):
                    yield module, text, value
            case ast.BinOp(op=ast.Add(), left=left, right=right) if place is None:
                for (home, first, node), (_, second, other) in (
                    (one, two)
                    for one in self._texts(module, left, None, depth - 1)
                    for two in self._texts(module, right, None, depth - 1)
                ):
                    self._seen.add(other)
                    yield home, first + second, node
            case ast.BinOp(op=ast.Mod(), left=left):
                yield from self._texts(module, left, place, depth - 1)
            case ast.IfExp(body=one, orelse=other):
                yield from self._texts(module, one, place, depth - 1)
                yield from self._texts(module, other, place, depth - 1)
            case ast.BoolOp(values=values):
                for each in values:
                    yield from self._texts(module, each, place, depth - 1)
            case ast.Tuple(elts=elements) if place is not None and place < len(elements):
                yield from self._texts(module, elements[place], None, depth - 1)
            case ast.Dict(values=values) | ast.Set(elts=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                for each in values:
                    yield from self._texts(module, each, place, depth - 1)
            case ast.DictComp(value=each) | ast.ListComp(elt=each) | ast.GeneratorExp(elt=each):
                yield from self._texts(module, each, place, depth - 1)
            case ast.Attribute(attr=name) if is_sink(name):
                pass  # the callers that gave it this text were checked there
            case ast.Attribute(value=ast.Name(id=alias), attr=name) if alias in module.imports:
                home = self._modules.get(self._file("/".join(filter(None, module.imports[alias]))))
                if home is None or name not in home.constants:
                    raise _Lost(f"{alias}.{name} is nowhere given a text")
                for each in home.constants[name]:
                    yield from self._texts(home, each, place, depth - 1)
            case ast.Subscript(value=of):
                yield from self._texts(module, of, place, depth - 1)
            case ast.Name():
                yield from self._named(module, value, place, depth - 1)
            case ast.Call():
                yield from self._returned(module, value, place, depth - 1)
            case _:
                raise _Lost(f"{ast.unparse(value)[:60]} is no text that could be followed")

    def _spellings(self, module: _Module, text: ast.JoinedStr, depth: int) -> Iterator[str]:
        """Yield what an f-string may become: a hole with a whole phrase of the program is filled with it."""
        yield from map("".join, product(*(self._fillings(module, part, depth) for part in text.values)))

    def _fillings(self, module: _Module, part: ast.expr, depth: int) -> list[str]:
        if not isinstance(part, ast.FormattedValue):
            return [str(getattr(part, "value", ""))]
        try:
            found = list(self._texts(module, part.value, None, depth - 1)) if part.format_spec is None else []
        except _Lost:
            found = []
        if not found or not all(len(text.split()) >= _PHRASE for _, text, _ in found):
            return [HOLE]
        self._seen.update(node for *_, node in found)
        return [text for _, text, _ in found]

    def _named(
        self, module: _Module, name: ast.Name, place: int | None, depth: int
    ) -> Iterator[tuple[_Module, str, ast.AST]]:
        function = module.function_of(name)
        while function is not None:
            values = None if isinstance(function, ast.Lambda) else self._bound(module, function, name.id)
            if values is not None:
                for home, value, picked in values:
                    yield from self._texts(home, value, picked if place is None else place, depth)
                return
            function = module.function_of(function)
        home, constant = module, name.id
        if constant not in module.constants and constant in module.imports:
            origin, constant = module.imports[constant]
            home = self._modules.get(self._file(origin), module)
        if constant not in home.constants:
            raise _Lost(f"{name.id} is nowhere given a text")
        for value in home.constants[constant]:
            yield from self._texts(home, value, place, depth)

    def _bound(
        self, module: _Module, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
    ) -> list[tuple[_Module, ast.expr, int | None]] | None:
        """Return the values of a name in a function, and of a tuple, which part; None if it is not bound there."""
        if local := list(_assigned(function, name)):
            return [(module, value, picked) for value, picked in local]
        parameters = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
        if name not in parameters and name not in _captured(function):
            return None
        if is_sink(name):
            return []  # the callers are followed, or what makes the matched value
        given = [(home, value, None) for home, value in self._given_to(function, name)] if name in parameters else []
        if not given:
            raise _Lost(f"{name} comes from somewhere else: call it a hint, so that it can be followed")
        return given

    def _given_to(
        self, function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: str
    ) -> Iterator[tuple[_Module, ast.expr]]:
        """Yield what callers give a function for one of its parameters."""
        positional = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        if positional and positional[0] in {"self", "cls"}:
            positional = positional[1:]
        for module, call in self._calls.get(function.name, []):
            called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if function not in self._functions(module, called)[1]:
                continue
            yield from ((module, each.value) for each in call.keywords if each.arg == parameter)
            if parameter in positional and positional.index(parameter) < len(call.args):
                yield module, call.args[positional.index(parameter)]

    def _returned(
        self, module: _Module, call: ast.Call, place: int | None, depth: int
    ) -> Iterator[tuple[_Module, str, ast.AST]]:
        match call.func:
            case ast.Name(id=name) if name in _PASSES_ON and call.args:
                yield from self._texts(module, call.args[0], place, depth)
                return
            case ast.Attribute(value=of, attr="get" | "pop"):
                yield from self._texts(module, of, place, depth)
                for default in call.args[1:]:
                    yield from self._texts(module, default, place, depth)
                return
            case ast.Attribute(value=of, attr="format" | "strip" | "rstrip" | "removeprefix" | "removesuffix"):
                yield from self._texts(module, of, place, depth)
                return
            case ast.Name(id="getattr") if (
                len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and is_sink(str(call.args[1].value))
            ):
                for default in call.args[2:]:
                    yield from self._texts(module, default, place, depth)
                return
            case ast.Name(id=name) | ast.Attribute(attr=name):
                home, functions = self._functions(module, name)
                returned = [
                    each.value
                    for function in functions
                    for each in ast.walk(function)
                    if isinstance(each, ast.Return) and each.value is not None and home.function_of(each) is function
                ]
                if returned:
                    for value in returned:
                        yield from self._texts(home, value, place, depth)
                    return
            case _:
                pass
        raise _Lost(f"{ast.unparse(call)[:60]} returns what could not be followed")

    def _functions(self, module: _Module, name: str) -> tuple[_Module, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
        if name in module.functions:
            return module, module.functions[name]
        if name in module.imports:
            origin, original = module.imports[name]
            home = self._modules.get(self._file(origin))
            if home is not None:
                return home, home.functions.get(original, [])
        return module, []

    # What else reads like advice

    def _look_for_the_rest(self, module: _Module) -> None:
        for node in ast.walk(module.tree):
            if node in self._seen or isinstance(module.parents.get(node), ast.Expr):  # the latter is documentation
                continue
            match node:
                case ast.JoinedStr():
                    text = spell(node)
                case ast.Constant(value=str() as text) if not isinstance(module.parents.get(node), ast.JoinedStr):
                    pass
                case _:
                    continue
            if READS_LIKE_ADVICE.search(text) and not _IS_A_FLAG.match(text):
                self.found.append(Advice(module.name, text, node.lineno))


def spell(text: ast.JoinedStr) -> str:
    """Return an f-string with its holes left open."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in text.values)


def _assigned(  # noqa: C901 - one case per kind of assignment
    function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[tuple[ast.expr, int | None]]:
    """Yield what a function assigns to a name of its own, and of a tuple, which part."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    match target:
                        case ast.Name(id=found) if found == name:
                            yield value, None
                        case ast.Tuple(elts=parts):
                            for place, part in enumerate(parts):
                                if isinstance(part, ast.Name) and part.id == name:
                                    yield value, place
                        case _:
                            pass
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                yield value, None
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value, None
            case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
                yield value, None
            case _:
                pass


def _captured(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the names that patterns and loops of a function bind."""
    names: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                names.add(name)
            case ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target):
                names |= {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
            case _:
                pass
    return names


if __name__ == "__main__":
    texts, unresolved = scan()
    for each in texts:
        print(f"{each.module}:{each.line}\t{each.text!r}")  # noqa: T201 - a script
    for missing in unresolved:
        print(f"UNRESOLVED {missing.module}:{missing.line}\t{missing.why}")  # noqa: T201 - a script
