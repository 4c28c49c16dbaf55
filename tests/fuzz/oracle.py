"""What the fuzzer asks: is what was proved of a line lawful? And what it begins with: lines, and pieces of lines."""

import sys
from pathlib import Path

from core.adversarial import ROWS
from core.made import as_bytes, valid
from core.proving import VARIANTS, Law

from masivo_stream.core.reading.prover import Proof, describe_rules


def variants():
    """Return for each variant of the rules two provers (one does without SSE2), their schema, and their law."""
    from _prover import Prover  # the one that the fuzzer is built with

    made = []
    for rules in VARIANTS:
        schema, options = describe_rules(rules)
        law = Law(rules)
        provers = Prover(schema, **options), Prover(schema, **options, plain=True)
        made.append((*provers, schema, _asker(law)))
    return made


def _asker(law):
    def holds(lines, proof):
        breaches = law.breaches(lines, Proof(*proof))
        for broken in breaches:
            sys.stderr.write(f"{law.rules} {broken}\n")
        return not breaches

    return holds


def write_seeds(folder):
    """Write the lines that careless validation gets wrong, for each variant of their kind, and valid ones."""
    for number, rules in enumerate(VARIANTS):
        lines = [body for kind, body, _ in ROWS if kind is rules.kind] + [as_bytes(valid(rules.kind))]
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
