"""The law of the extension that proves lines: what it calls clean, the validator takes as an entry as it is.

Used by the tests and by the fuzzer (`tests/fuzz`).
"""

from dataclasses import dataclass
from itertools import accumulate, count

from msgspec import structs

from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.prover import make_prover, prove_text
from masivo_stream.core.reading.purchases import Signs
from masivo_stream.core.reading.strict import Origin, Rules, StrictDecoder
from masivo_stream.model.contract import Kind
from masivo_stream.model.proof import Proof
from masivo_stream.model.results import Entry, Line

VARIANTS = [
    Rules(kind=Kind.CUSTOMERS, max_line_bytes=1 << 24),
    Rules(kind=Kind.EVENTS, max_line_bytes=1 << 24, sign_events=True),
    Rules(kind=Kind.TRANSACTIONS, max_line_bytes=1 << 24),
    Rules(kind=Kind.CUSTOMERS, max_line_bytes=1 << 24, reject_unknown_fields=True),
    Rules(kind=Kind.EVENTS, max_line_bytes=1 << 24, reject_unknown_fields=True, discounted_value_optional=True),
    Rules(kind=Kind.EVENTS, max_line_bytes=1 << 24, sign_events=True, discounted_value_optional=True),
    Rules(kind=Kind.TRANSACTIONS, max_line_bytes=1 << 24, reject_unknown_fields=True, guide_types_only=True),
]
"""Rules that differ in what a prover is made from."""


class Notes:
    """A memory of customers and of events that knows none, and keeps what it is given."""

    def __init__(self):
        self.take()

    def take(self):
        """Return what was given since the last call: emails, purchases, contents."""
        kept = getattr(self, "emails", []), getattr(self, "signs", Signs())
        self.emails, self.signs = [], Signs()
        return kept[0], kept[1].purchases, kept[1].contents

    def note(self, _customer, email=None):
        if email is not None:
            self.emails.append(email)

    def note_all(self, _customers, emails):
        self.emails.extend(emails)
        return {}

    def __contains__(self, _customer):
        return False

    def mark(self, results, signs):
        self.signs = signs
        return results


@dataclass(frozen=True)
class Broken:
    """A line that is called clean, and is not, or is something else."""

    line: bytes
    proved: tuple
    validated: tuple | None


def proof_of_text(prover, lines, most):
    """Return the proof of the same lines in a text; that their places and bytes are right is asserted."""
    text, offset, number = b"".join(line + b"\n" for line in lines), 1000, 7
    found = prove_text(prover, b"before\n" + text + b"behind", len(b"before\n"), number, offset, most)
    joined, columns = [], Proof([], [], [], [], [], [])
    for run in found:
        assert len(run.bodies) <= most
        for column, part in zip(columns[1:], run.proof[1:], strict=True):
            column.extend(part)
        columns.doubted.extend(len(joined) + index for index in run.proof.doubted)
        joined.extend(run)
    places = accumulate((len(line) + 1 for line in lines), initial=offset)
    expected = zip(count(number), places, lines, map(len, lines), strict=False)
    assert joined == [Line(*each) for each in expected]
    assert b"".join(run.text for run in found) == text
    return columns


class Law:
    """Compare what a prover says with the validator."""

    def __init__(self, rules):
        self.rules = structs.replace(rules, pure_python=True)
        self.notes = Notes()
        self._decoder = Decoder(
            structs.replace(self.rules, thorough=True),
            self.notes,
            self.notes if rules.sign_events else None,
        )
        self._strict = StrictDecoder(self.rules, self.notes)

    def validated(self, line):
        """Return customer, items, emails, purchases and contents if the validator takes a line as it is, else None."""
        whole = Line(1, 0, line, len(line))
        self.notes.take()
        result = self._decoder.validate(whole, "f")
        found = self._of(result, line, *self.notes.take())
        strictly = self._strict.validate(whole, Origin("f", 0), accepted=True)  # it has the last word about some lines
        emails, *_ = self.notes.take()
        also = self._of(strictly, line, emails, *(found[3:] if found else ((), ())))
        return found if found == also else None

    def _of(self, result, line, emails, purchases, contents):
        if not isinstance(result, Entry) or result.indexes is not None or result.body != line or result.skipped_items:
            return None
        assert result.items == result.record_items
        return result.customer, result.items, tuple(emails), tuple(purchases), tuple(contents)

    def holds(self, line, customer, items, emails, purchases, contents):
        """Return whether a line may be called clean, with what was proved of it."""
        return self.validated(line) == (customer, items, tuple(emails), tuple(purchases), tuple(contents))

    def breaches(self, lines, proof):
        """Return where a proof of lines breaks the law."""
        found = []
        for proved, part, doubted in proof.stretches(len(lines)):
            event = 0
            for place, index in enumerate(proved):
                items = part.items[place]
                signs = slice(event, event + items if part.purchases else 0)
                event = signs.stop
                said = (
                    part.customers[place],
                    items,
                    tuple(part.emails[place : place + 1]),
                    tuple(part.purchases[signs]),
                    tuple(part.contents[signs]),
                )
                validated = self.validated(lines[index])
                if validated != said:
                    found.append(Broken(lines[index], said, validated))
            assert list(doubted) == [index for index in proof.doubted if index in doubted]
        return found


class Proving:
    """Provers of one variant, with SSE2 and without, and their law."""

    def __init__(self, rules):
        self.law = Law(rules)
        self._provers = [make_prover(rules), make_prover(rules, plain=True)]

    def prove(self, lines):
        """Return the proof of lines; both provers agree about it, whether the lines come together or alone."""
        together, plain = (Proof(*prover.prove(lines)) for prover in self._provers)
        assert together == plain
        alone = [index for index, line in enumerate(lines) if self._provers[0].prove([line])[0]]
        assert alone == together.doubted
        if not any(b"\n" in line for line in lines):
            assert proof_of_text(self._provers[0], lines, 1 + len(lines) // 2) == together
        assert len(together.customers) == len(together.items) == len(lines) - len(together.doubted)
        return together

    def breaches(self, lines):
        """Return where the proof of lines breaks the law."""
        return self.law.breaches(lines, self.prove(lines))

    def is_clean(self, line):
        """Return whether a line is called clean, after checking that it may be."""
        proof = self.prove([line])
        assert self.law.breaches([line], proof) == []
        return not proof.doubted
