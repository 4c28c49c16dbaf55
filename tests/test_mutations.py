"""The list of mutations fits the program: each has its one place, and the tests that are to notice it exist."""

from collections import Counter

import pytest
from mutations import MUTATIONS, validate


def test_each_mutation_has_a_name_of_its_own():
    """`--only` finds it."""
    assert [name for name, count in Counter(each.name for each in MUTATIONS).items() if count > 1] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_has_its_one_place(mutation):
    """If the program changes, the mutation changes with it: otherwise it would mutate nothing, or something else."""
    assert mutation.places == 1
    assert mutation.mutated != mutation.path().read_text()
    assert mutation.is_python
    assert mutation.breaks.endswith(".")
    assert mutation.tests
    assert mutation.unknown_tests == []


def test_every_named_test_must_fail():
    """One that passes, or does not run at all, has noticed nothing; one of a similar name does not count."""
    mutation = next(each for each in MUTATIONS if len(each.tests) == 2)
    first, second = mutation.tests
    lines = [f"FAILED tests/{first}[x] - AssertionError", f"FAILED tests/{second} - KeyError"]
    assert validate(mutation, 1, "\n".join(lines)) == "caught"
    assert validate(mutation, 1, lines[0]) == f"NOT CAUGHT by {second}"
    assert validate(mutation, 1, f"{lines[0]}\nFAILED tests/{second}_more - x") == f"NOT CAUGHT by {second}"
    assert validate(mutation, 0, "") == f"NOT CAUGHT by {first}, {second}"
    assert validate(mutation, 4, "") == "the tests do not run (4)"
    assert validate(mutation, None, "") == "does not end"
