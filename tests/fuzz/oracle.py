"""What the fuzzer asks: is what the extension finds lawful? And what it begins with: lines, and pieces of lines."""

import sys
from array import array
from functools import partial
from pathlib import Path

from core.adversarial import ROWS
from core.looking import NOW, LawOfLooks
from core.made import as_bytes, valid
from core.odd_lines import rich
from core.proving import VARIANTS, Law, proof_of_text

from masivo_stream.core.checks.known_fields import known_fields
from masivo_stream.core.checks.quick_look import Looked, QuickLook
from masivo_stream.core.reading import prover
from masivo_stream.core.reading.prover import describe_rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.proof import Proof

KINDS = [*(rules.kind for rules in VARIANTS), *Kind]
"""The kind of each variant: first those that prove lines, then those that look at them."""


def variants():
    """Return, for each variant, what makes a prover, what uses it, and its law."""
    import _prover  # the one that the fuzzer is built with

    for name in ("Prover", "divide", "hash_of"):
        setattr(prover, name, getattr(_prover, name))
    made = []
    for rules in VARIANTS:
        schema, options = describe_rules(rules)
        made.append((partial(_prover.Prover, schema, **options), _prove, _proving(Law(rules))))
    for kind in Kind:
        learnt = [(known.path, "x") for known in known_fields(kind).all()]
        make = partial(QuickLook(NOW, watch=True).make, kind, learnt)
        made.append((make, _look, _looking(LawOfLooks(kind))))
    return made


def _prove(made, lines):
    """Prove lines, and in a text, too: with a line before them and half a line behind."""
    proved = made.prove(lines)
    if not any(b"\n" in line for line in lines):
        assert proof_of_text(made, lines, 1) == Proof(*proved)
    return proved


def _look(made, lines):
    """Take notes, with either hash, and divide them."""
    key = bytes(16), len(lines[0]) % 2
    looked = Looked(*made.look([(lines, range(len(lines)), 1, 0)], *key))
    offsets = [0, len(lines[0]) + 1]
    assert Looked(*made.look([(lines[0] + b"\n", offsets, 1, 0)], *key)) == looked
    return looked, looked.divide(array("q", [1, 2, 3, 4, 5, 6]), range(64), 3)


def _proving(law):
    def holds(lines, proof):
        breaches = law.breaches(lines, Proof(*proof))
        for broken in breaches:
            sys.stderr.write(f"{law.rules} {broken}\n")
        return not breaches

    return holds


def _looking(law):
    def holds(lines, _looked):
        # What is learnt of a line is known when it comes again.
        lawful = law.valid(lines) == lines and law.is_lawful([*lines, *lines])
        if not lawful:
            sys.stderr.write(f"{law.kind} {lines}\n")
        return lawful

    return holds


def write_seeds(folder):
    """Write the lines that careless validation gets wrong, for each variant, and valid ones."""
    for number, kind in enumerate(KINDS):
        lines = [body for of, body, _ in ROWS if of is kind] + [as_bytes(valid(kind)), as_bytes(rich(kind))]
        for place, line in enumerate(lines):
            if len(line) < 4096:
                (folder / f"{number}-{place}").write_bytes(bytes([number]) + line)


def write_words(path):
    """Write libFuzzer's dictionary: names of fields and what is between them."""
    names = set()
    for rules in VARIANTS:
        schema, _ = describe_rules(rules)
        names |= set(_quoted(schema))
    words = [*sorted(names), *_PIECES]
    spelt = ("".join([rf"\x{byte:02x}" for byte in word]) for word in words)
    path.write_text("".join(f'"{word}"\n' for word in spelt))


_PIECES = [
    *(b"null", b"true", b"false", b"0", b"-1", b"1e5", b"-0", b"0.5", b"1E-99", b"1e400", b'""', b"[]", b"{}"),
    *(b'"\\u00f1"', b'"\\ud83d\\ude00"', b'"\\ud800"', b"\xc3\xb1", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\"),
    *(b'"2024-02-29T00:00:00Z"', b'"2023-11-07T05:31:56.123+02:00"', b"3c90c3cc-0d44-4b50-8888-8dd25736052a"),
    *(b'"PURCHASE"', b'"PURCHASES"', b'"a@b.c"', b"17:1234567890123456.7", b"0.000001", b"e-400 ", b'"n/a"', b'"Ana?"'),
    *(b'"ACTIVE"', b'"x":1,', b'"x":{"y":[1,{}]},', b"30000000000000004", b"9007199254740993"),
]


def _quoted(node):
    if isinstance(node, bytes):
        yield node
    elif isinstance(node, tuple):
        for each in node:
            yield from _quoted(each)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    write_seeds(folder / "seeds")
    write_words(folder / "words")
