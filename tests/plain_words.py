"""Words and phrases that the project no longer uses, and where they still are.

One thing has one word, and sentences are plain English: subject, verb, object. `OLD_WORDS` lists what is not used any
more with what to write instead. `find` applies the list to one file:

* in Python to names that are defined, to docstrings, comments and other text;
* in Markdown to everything but code;
* in the settings example and the Kubernetes Job to comments;
* in the monitor's page and the report's templates to text between tags, and to comments and sentences in scripts;
* in the tests to docstrings and comments, to names of functions and classes, read as sentences, and to other names that
  are defined.

Text between backticks is code and is not looked at. Run as a program it prints what is left, by room.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "masivo_stream"
TESTS = ROOT / "tests"

PAGES = (
    "README.md",
    "CHANGELOG.md",
    "config.example.toml",
    "bench/README.md",
    "deploy/*.yaml",
    "docs/*.md",
    "Dockerfile",
    "pyproject.toml",
)
PACKAGE_FILES = ("**/*.py", "**/*.html", "**/*.js")


class Word(NamedTuple):
    """A word or phrase that is not used any more."""

    pattern: str
    """A regular expression; a space in it stands for any white space."""
    instead: str
    names: bool = False
    """Whether names in code may not hold it either."""


class Allowed(NamedTuple):
    """A use that is right: the word is a technical term there, or part of a format that is kept."""

    path: str
    """A pattern of paths below the repository."""
    pattern: str
    """Matches the line on which the word is used."""
    why: str


class Finding(NamedTuple):
    """A place where such a word is still used."""

    path: str
    """Below the repository."""
    line: int
    word: str
    instead: str
    allowed: Allowed | None
    """The exception that allows it, if there is one."""

    def __str__(self) -> str:
        """Return it as a line for a person: where, what, and what to write."""
        return f"{self.path}:{self.line}: {self.word!r}: write {self.instead}"


VOCABULARY = (
    Word(r"judg(?:e|es|ed|ing|ement|ements|ment)", "validate, validation", names=True),
    Word(r"verdicts?", "outcome (of an attempt) or result (of a line)", names=True),
    Word(r"look(?:s|ed|ing)? over", "validate", names=True),
    Word(r"fates?", "result (of a line) or outcome (of a record, an attempt, a batch, a run)", names=True),
    Word(r"conclud(?:e|es|ed|ing)", "settle", names=True),
    Word(r"bur(?:y|ies|ied|ying|ials?)", "make a dead letter of", names=True),
    Word(r"dead rows?", "dead letter in the journal"),
    Word(r"(?<!dead[\s_-])(?<!capital\s)(?<!latin\s)(?<!letter\sby\s)letters?(?! by letter|-|, digits)", "dead letter"),
    Word(r"books", "ledger", names=True),
    Word(r"gates?", "rate limiter", names=True),
    Word(r"allowances?", "rate-limit headers, quota", names=True),
    Word(r"brakes?", "stop", names=True),
    Word(r"pulses?", "stop, drain", names=True),
    Word(r"desks?", "in-doubt batches of a kind", names=True),
    Word(r"rehears(?:e|es|ed|ing|als?)", "dry run", names=True),
    Word(r"look(?:s|ed|ing)? back", "read back", names=True),
    Word(r"witness(?:es|ed)?", "evidence, read-back", names=True),
    Word(r"strangers?", "unknown customers", names=True),
    Word(r"rosters?", "missing customers, expected customers", names=True),
    Word(r"census(?:es)?", "customer table", names=True),
    Word(r"frontiers?", "read position, checkpoint", names=True),
    Word(r"accus(?:e|es|ed|ing|ations?)", "name (a bad record)", names=True),
    Word(r"crews?", "worker pool", names=True),
    Word(r"(?:a|no|each|every|as) repeats?", "duplicate (of an id), second attempt (of a request)"),
    Word(r"repeats? of", "duplicate of"),
)
"""One word for one thing. `account` is the vendor's account only, which no expression can tell."""

ENGLISH = (
    Word(r"nobody", "no process, no one else, no batch: name what it is"),
    Word(r"(?-i:none) (?:is|are|was)|(?:is|are|was) (?-i:none)(?! of)", "no (batch, file, …) is …"),
    Word(r"so (?:many|few)", "that many, as many as, the number"),
    Word(r"such an? (?:one|way)|such as (?:are|is|were|was)", "a … like this, one that …"),
    Word(r"stands?(?! (?:for|in for|alone)\b)|stood|standing", "is, is written, appears, remains"),
    Word(r"(?:lies|lie|lying)(?! between\b)", "is, is kept"),
    Word(r"that which", "what, the one that"),
    Word(r"in order to", "to"),
    Word(r"(?:stop|end)(?:s|ped|ping|ed|ing)? (?:\w+ )?in order|an? ordered (?:stop|end)", "stops in an orderly way"),
    Word(r"all the same", "still, anyway, equal"),
    Word(r"(?:is|are|was|were)(?: \w+){1,3} still(?=[.,;:)])", "is still …"),
    Word(r"as far as(?! possible| this machine knows)", "if, up to where"),
    Word(r"(?:that|this|it) is so|(?:is|are) so(?=[.,;:)])", "say what is the case"),
    Word(
        r"(?<!can\s)(?<!cannot\s)tells?(?!(?: \w+){0,3} apart\b)|told(?! to\b)|telling",
        "returns, reports, shows, gives",
    ),
    Word(r", for (?:it|they|there|we|nothing|he|she) [a-z]+", "because"),
    Word(
        r"(?:batch|process|run|request|line|record|file|server|export|program|account|directory|module|worker|journal|test)"
        r"(?:e?s)?,? whom?",
        "which, that (who is for persons)",
    ),
    Word(
        r"(?:one(?: (?!of|in|inside|or|and|for|from|to|with|on|at|by|where|if|after|before|\w+s\b)\w+)?"
        r"|(?:two|\d+)(?: (?!of|in|inside|or|and|for|from|to|with|on|at|by|as|is|where|if|after|before)\w+)?"
        r"|an? \w+|bytes|KB|MB|object)"
        r" an? (?:batch|kind|customer|record|run|process|line|request|file|account|export|module|probe)",
        "per",
    ),
    Word(r"(?<!,\s)but for", "except, apart from"),
    Word(
        r"(?:came|comes?|become|became|becomes) of (?:it|them|each|every|what|that)",
        "the outcome, what happened to",
    ),
    Word(r"anew|afresh", "again, from the beginning"),
    Word(r"mend(?:s|ed|ing)?", "correct, fix"),
    Word(r"(?:some|any|every)body", "a person, another program, any user"),
    Word(r"(?:dealt|deals?|dealing) with", "process, handle"),
    Word(r"(?:thereof|therein|whence|thence|wherein|whereof|ought|shall|unasked|nought|whomever)", "a plain word"),
    Word(r"foretell(?:s|ing)?|foretold", "predict, estimate", names=True),
    Word(r"reckon(?:s|ed|ing)?", "count, compute, estimate", names=True),
    Word(r"unless (?:told|said)", "by default"),
    Word(r"goes? without saying|it is (?:he|she|they|we) who", "a plain sentence"),
)
"""Inversions, archaisms and phrases over which a native reader stumbles."""

OLD_WORDS = VOCABULARY + ENGLISH


ALLOWED = (
    Allowed("masivo_stream/edges/journal/schema.py", r"RENAME COLUMN", "columns of earlier versions of the journal"),
    Allowed("docs/between-runs.md", r"[Rr]ehears", "a person rehearses a whole migration on a development account"),
    Allowed("docs/index.md", r"[Rr]ehears", "the same"),
    Allowed("bench/README.md", r"to the letter", "RFC 3339 to the letter: exactly"),
    Allowed("masivo_stream/core/fault_groups.py", r" letter ", "a list of single words, `dead` among them"),
    Allowed("masivo_stream/*/evidence.py", r"[Vv]erdict", "what evidence shows of a batch in doubt"),
    Allowed("masivo_stream/model/resolution.py", r"[Vv]erdict", "the same"),
    Allowed(
        "*",
        r"masivo-stream mend|\"mend\"|mend-|\(mend\||\.mending|commands\.mend",
        "the command is called so, and its files",
    ),
    Allowed("masivo_stream/core/pacing/schedule.py", r"looks back", "a rate window looks back over its length"),
)


def _bounded(pattern: str) -> str:
    return rf"{pattern}\b" if pattern.startswith(",") else rf"\b(?:{pattern})\b"


_STATEMENT_AS_QUESTION = re.compile(
    r"^(?:(?:Were|Had|Should) [a-z`].*|(?:Is|Are|Was|Has|Does|Did|Can|May) [a-z`][^,]*, .*)[^?]$", re.DOTALL
)
_WHO_AS_IF = re.compile(r"^(?:Who|Whom) .*[.;:]$", re.DOTALL)
_WHERE_AS_IF = re.compile(r"^Where [^,?]+, (?!such as|as |or |and ).*[.;:]$", re.DOTALL)
_DOCSTRING_START = re.compile(r"(?:Say|Ask)s? (?:whether|what|how|when|which|where|why) ")
_NAME_START = re.compile(r"(?:who|whom|whoever|whose|where|of)\b")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n|\n\s*(?:[*-]|\d+\.) ")
_CODE = re.compile(r"`[^`\n]*`")

_SPACE = r"(?:[^\S\n]+|[^\S\n]*\n[^\S\n]*)"
"""White space that does not end a paragraph."""
_COMPILED = [(re.compile(_bounded(word.pattern).replace(" ", _SPACE), re.IGNORECASE), word) for word in OLD_WORDS]
_NAMES = [
    (re.compile(rf"(?:^|_)(?:{word.pattern.replace(' ', '_')})(?:$|_)"), word) for word in OLD_WORDS if word.names
]


def find(path: Path, *, strict: bool = False) -> list[Finding]:
    """Return every old word of a file that no exception allows; those too, if `strict`."""
    return [finding for finding in _find(path) if strict or not finding.allowed]


@cache
def _find(path: Path) -> list[Finding]:
    return list(find_in(str(path.relative_to(ROOT)), path.read_text()))


def find_in(path: str, text: str) -> Iterator[Finding]:
    """Yield every old word of a text, once per line; `path` says what kind of text it is."""
    suffix = Path(path).suffix
    seen = set()
    of_tests = suffix == ".py" and Path(path).parts[0] == TESTS.name
    reader = _python_documentation if of_tests else _READERS.get(suffix, _comments)
    for line, piece, docstring in reader(text):
        for at, word, instead in _in_prose(piece, docstring=docstring):
            place = (line + piece.count("\n", 0, at), word)
            if place not in seen:
                seen.add(place)
                yield Finding(path, place[0], " ".join(word.split()), instead, _allowed(path, piece, at))
    if suffix == ".py":
        for line, name, instead in _in_names(path, text, sentences=of_tests):
            yield Finding(path, line, name, instead, _allowed(path, name, 0))


def _allowed(path: str, piece: str, at: int) -> Allowed | None:
    begin, end = piece.rfind("\n", 0, at) + 1, piece.find("\n", at)
    line = piece[begin : end if end >= 0 else None]
    return next((one for one in ALLOWED if fnmatch(path, one.path) and re.search(one.pattern, line)), None)


def _in_prose(piece: str, *, docstring: bool) -> Iterator[tuple[int, str, str]]:
    plain = _CODE.sub(lambda code: "`" + "x" * (len(code[0]) - 2) + "`", piece)
    for pattern, word in _COMPILED:
        for match in pattern.finditer(plain):
            yield match.start(), match[0], word.instead
    if docstring and (match := _DOCSTRING_START.match(plain.lstrip())):
        yield 0, match[0], "return, report, show"
    at = 0
    for sentence in _sentences(plain):
        at = plain.find(sentence, at)
        head = " ".join(sentence.split()[:4])
        if _STATEMENT_AS_QUESTION.match(sentence):
            yield at, head, "If …: no inversion"
        elif _WHO_AS_IF.match(sentence):
            yield at, head, "a customer who …, a process that …"
        elif _WHERE_AS_IF.match(sentence):
            yield at, head, "If … (Where is for places)"


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        bare = re.sub(r"^[\s*#|(\"'>-]+", "", sentence).rstrip(" \n)*|\"'")
        if bare:
            yield bare


@lru_cache(maxsize=1)
def _nodes(text: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(text)))


def _docstrings(text: str) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in _nodes(text)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }


def _python(text: str) -> Iterator[tuple[int, str, bool]]:
    docstrings = _docstrings(text)
    for node in _nodes(text):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value.isidentifier():
            yield node.lineno, re.sub(r"\n[ \t]+", "\n", node.value), id(node) in docstrings
    if "#" in text:
        yield from _python_comments(text)


def _python_documentation(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield docstrings, texts below attributes, and comments; no other text and no name."""
    docstrings = _docstrings(text)
    for node in _nodes(text):
        match node:
            case ast.Expr(value=ast.Constant(value=str(said)) as value):
                yield value.lineno, re.sub(r"\n[ \t]+", "\n", said), id(value) in docstrings
    if "#" in text:
        yield from _python_comments(text)


def _python_comments(text: str) -> Iterator[tuple[int, str, bool]]:
    begin, block = 0, []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if block and token.start[0] != begin + len(block):
                yield begin, "\n".join(block), False
                block = []
            if not block:
                begin = token.start[0]
            block.append(token.string.lstrip("# "))
    if block:
        yield begin, "\n".join(block), False


def _defined(text: str) -> Iterator[tuple[int, str]]:
    seen = set()
    for node in _nodes(text):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                name = node.name
            case ast.arg():
                name = node.arg
            case ast.Name(ctx=ast.Store()):
                name = node.id
            case ast.Attribute(ctx=ast.Store()):
                name = node.attr
            case _:
                continue
        if name not in seen:
            seen.add(name)
            yield node.lineno, name


def _in_names(path: str, text: str, *, sentences: bool) -> Iterator[tuple[int, str, str]]:
    for line, name in [(1, Path(path).stem), *_defined(text)]:
        yield from ((line, name, instead) for instead in _in_name(name))
    if sentences:
        for node in _nodes(text):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from ((node.lineno, node.name, instead) for instead in _in_sentence(node.name))


@cache
def _in_name(name: str) -> list[str]:
    """Return what to write instead of each old word in a name."""
    parts = _snake(name)
    return [word.instead for pattern, word in _NAMES if pattern.search(parts)]


def _in_sentence(name: str) -> Iterator[str]:
    """Read the name of a function or class as a sentence, and yield what to write instead of each old word in it."""
    sentence = _snake(name).removeprefix("test_").strip("_").replace("_", " ")
    for pattern, word in _COMPILED:
        if not word.names and pattern.search(sentence):
            yield word.instead
    if name.startswith("test_") and (match := _NAME_START.match(sentence)):
        yield f"a subject, not {match[0]!r}, at the beginning"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _markdown(text: str) -> Iterator[tuple[int, str, bool]]:
    blank = re.sub(r"^( *```.*?^ *```)", lambda code: "\n" * code[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    yield 1, re.sub(r"\n +", "\n", blank.replace("|", ".")), False


def _comments(text: str) -> Iterator[tuple[int, str, bool]]:
    lines = [(line.partition("# ")[2] if "# " in line else "") for line in text.splitlines()]
    yield 1, "\n".join(lines), False


def _html(text: str) -> Iterator[tuple[int, str, bool]]:
    def blank(code: re.Match[str]) -> str:
        return "\n" * code[0].count("\n") + "."

    yield 1, re.sub(r"<[^>]*>|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", blank, text, flags=re.DOTALL), False


def _script(text: str) -> Iterator[tuple[int, str, bool]]:
    for number, line in enumerate(text.splitlines(), 1):
        for comment, quoted in re.findall(r"//(.*)$|[\"'`]([^\"'`]* [^\"'`]*)[\"'`]", line):
            yield number, (comment or quoted).strip(), False


_READERS = {".py": _python, ".md": _markdown, ".html": _html, ".js": _script}


def pages() -> list[Path]:
    """Return the pages for people, outside the package."""
    return [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]


def package_files() -> list[Path]:
    """Return the files of the package that hold text."""
    return sorted(path for pattern in PACKAGE_FILES for path in PACKAGE.glob(pattern))


def files_of_tests() -> list[Path]:
    """Return the tests and what they need, except the list of old words and its test."""
    own = {TESTS / "plain_words.py", TESTS / "test_words.py"}
    return sorted(path for path in TESTS.glob("**/*.py") if path not in own)


def room_of(path: Path) -> str:
    """Return the room of a file of the package, such as `core/reading` or `cli`."""
    *rooms, _ = path.relative_to(PACKAGE).parts
    return "/".join(rooms)


def main() -> None:
    """Print what is left: by room and word, or, where paths are given, every place below them."""
    if sys.argv[1:]:
        for path in [*pages(), *package_files(), *files_of_tests()]:
            if str(path.relative_to(ROOT)).startswith(tuple(sys.argv[1:])):
                sys.stdout.writelines(f"{finding}\n" for finding in find(path))
        return
    rooms: dict[str, Counter[str]] = {}
    for path in [*pages(), *package_files()]:
        room = room_of(path) if path.is_relative_to(PACKAGE) else str(path.relative_to(ROOT))
        rooms.setdefault(room, Counter()).update(finding.word.lower() for finding in find(path))
    for room, words in sorted(rooms.items(), key=lambda item: -item[1].total()):
        most = ", ".join(f"{word} {count}" for word, count in words.most_common(8))
        sys.stdout.write(f"{words.total():5} {room or '(top)'}: {most}\n")


if __name__ == "__main__":
    main()
