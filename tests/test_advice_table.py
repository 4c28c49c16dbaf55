"""Every hint and next step of the program has a test that follows it; the scanner finds them however they are given."""

import ast
from functools import cache
from pathlib import Path

import pytest
from advice_scan import PACKAGE, Advice, scan, scan_sources
from advice_table import NOT_ADVICE, TABLE

TESTS = Path(__file__).parent


@cache
def found():
    return scan()


def flat(table):
    return {(module, text) for module, texts in table.items() for text in texts}


ROWS = [(module, text, test) for module, texts in TABLE.items() for text, test in texts.items()]


def test_every_advice_has_a_row():
    """A new hint comes with a test that follows it, and with its row; so does one that is said in other words."""
    texts, _ = found()
    known = flat(TABLE) | flat(NOT_ADVICE)
    assert [f"{each.module}:{each.line} {each.text!r}" for each in texts if (each.module, each.text) not in known] == []


def test_every_advice_can_be_read_from_the_source():
    """A hint that leads to no text cannot be held against the table."""
    _, unresolved = found()
    assert unresolved == []


def test_every_row_is_advice():
    """What the program does not say any more is followed by no test."""
    texts, _ = found()
    said = {(each.module, each.text) for each in texts}
    assert (flat(TABLE) | flat(NOT_ADVICE)) - said == set()


def test_no_advice_is_in_two_lists():
    """A text is followed by a test, or is not advice."""
    assert flat(TABLE) & flat(NOT_ADVICE) == set()


@pytest.mark.parametrize(("module", "text", "test"), ROWS, ids=[f"{module} {text[:40]}" for module, text, _ in ROWS])
def test_a_row_names_a_test_that_expects_its_text(module, text, test):
    """The test exists, and has the very words: it cannot follow advice that it has not read."""
    assert (PACKAGE / module).is_file()
    theme, _, name = test.partition("::")
    said = _texts_of(f"end_to_end/test_advice_{theme}.py").get(f"test_{name}")
    assert said is not None, "there is no such test"
    assert text in said


@cache
def _texts_of(file):
    """Return the texts in each test of a file, decorators and the module's constants that it names included."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def texts(node):
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value
            elif isinstance(part, ast.Name) and part.id in constants:
                yield from texts(constants[part.id])

    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: set(texts(node)) for node in functions}


# The scanner.

ERROR = "class E(Exception):\n    def __init__(self, message, *, hint=''):\n        self.hint = hint\n\n\n"


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("raise E('no', hint='go on')", {"go on"}),
        ("raise E('no', hint=f'go to {place}')", {"go to {…}"}),
        ("raise E('no', hint='go ' + 'on')", {"go on"}),
        ("_GO = 'go on'\nraise E('no', hint=_GO)", {"go on"}),
        ("_GO = {1: 'go on', 2: 'stay'}\nraise E('no', hint=_GO[x])", {"go on", "stay"}),
        ("_GO = {1: 'go on'}\nraise E('no', hint=_GO.get(x, 'stay'))", {"go on", "stay"}),
        ("raise E('no', hint='go on' if x else 'stay')", {"go on", "stay"}),
        ("def f():\n    hint = ''\n    if x:\n        hint = 'go on'\n    raise E('no', hint=hint)", {"go on"}),
        ("def f():\n    code, hint = 1, 'go on'\n    raise E('no', hint=hint)", {"go on"}),
        ("def f(what, hint):\n    raise E(what, hint=hint)\n\n\nf('no', 'go on')", {"go on"}),
        ("def f(what, hint='go on'):\n    raise E(what, hint=hint)\n\n\nf('no')", {"go on"}),
        ("def f(what):\n    return 'go on' if what else 'stay'\n\n\nraise E('no', hint=f(1))", {"go on", "stay"}),
        ("def f(other):\n    raise E('no', hint=other)\n\n\nf('go on')\nf(other='stay')", {"go on", "stay"}),
        ("def f():\n    return 1, 'go on'\n\n\ncode, hint = f()", {"go on"}),
        ("class Stop(Struct):\n    why: str\n    hint: str\n\n\nStop('no', 'go on')", {"go on"}),
        ("class Stop(Struct):\n    hint: str = 'go on'", {"go on"}),
        ("class NextStep(Struct):\n    text: str\n\n\nNextStep(text='go on')\nNextStep('stay')", {"go on", "stay"}),
        ("error.hint = 'go on'", {"go on"}),
        ("setattr(error, 'hint', 'go on')", {"go on"}),
        ("f(**{'hint': 'go on'})", {"go on"}),
        ("said['hint'] = 'go on'", {"go on"}),
        ("REMEDIES: dict = {1: 'go on'}", {"go on"}),
        ("_LAST_HINT = 'go on'", {"go on"}),
        ("go = partial(E, 'no', hint='go on')", {"go on"}),
        ("from masivo_stream.words import GO\nraise E('no', hint=GO)", {"go away"}),
        ("from masivo_stream import words\nraise E('no', hint=words.GO)", {"go away"}),
        ("from masivo_stream.words import make\nraise E('no', hint=make())", {"go away"}),
        ("print('start again later')", {"start again later"}),
        ("print(f'{what}: use masivo-stream retry')", {"{…}: use masivo-stream retry"}),
        ("raise E('wrong: name another one')", {"wrong: name another one"}),
        ("def f():\n    '''Start again later.'''", set()),
    ],
)
def test_advice_is_found_in_any_form(source, texts):
    """By keyword or place, through constants, conditions, variables, other functions and modules."""
    words = "GO = 'go away'\n\n\ndef make():\n    return GO"
    advice, unresolved = scan_sources({"one.py": ERROR + source, "words.py": words})
    assert ({each.text for each in advice}, unresolved) == (texts, [])


@pytest.mark.parametrize(
    "source",
    [
        "raise E('no', hint=words[0].upper())",
        "raise E('no', hint=unknown)",
        "raise E('no', hint=compose(words))",
        "def f(what, hint):\n    pass\n\n\nf(*both)",
        "def f(what, hint):\n    pass\n\n\nf('no', **more)",
        "def f(what, hint):\n    pass\n\n\ng = partial(f, 'no')",
        "match x:\n    case Stop(why, text):\n        raise E(why, hint=text)",
        "for text in texts:\n    raise E('no', hint=text)",
        "raise E('no', hint=_LOOP)\n\n_LOOP = _LOOP",
    ],
)
def test_a_hint_that_leads_to_no_text_is_reported(source):
    """So no one has to trust the scanner."""
    _, unresolved = scan_sources({"one.py": ERROR + source})
    assert len(unresolved) == 1


def test_pages_are_read_as_well():
    """What a browser shows and what its script says."""
    pages = {
        "a.html": "<p>Keep the\n file.</p><p>Nothing.</p>",
        "a.js": 'say("then: masivo-stream retry"); say("done")',
    }
    advice, _ = scan_sources({}, pages)
    assert advice == [Advice("a.html", "Keep the file."), Advice("a.js", "then: masivo-stream retry")]
