"""The house keeps its measures: few parameters, one class for one name, and a walk that can be measured."""

import ast

import pytest
from house import KIND, ROOT, SMALL, count_parameters, read_modules, several, walk

MOST_PARAMETERS = 7


@pytest.fixture(scope="module")
def modules():
    """The package's files, parsed when a test needs them: at an import, each test worker would parse and keep them."""
    return read_modules(ROOT)


def test_no_constructor_takes_more_than_seven_parameters(modules):
    """What belongs together is a value with a name."""
    assert [found for each in modules for found in each.constructors if found[0] > MOST_PARAMETERS] == []


def test_no_public_function_takes_more_than_seven_parameters(modules):
    """Commands of the command line are apart: each parameter is a flag there."""
    functions = [found for each in modules if each.room != "cli" for found in each.functions]
    assert [found for found in functions if found[0] > MOST_PARAMETERS] == []


def test_no_class_name_is_defined_twice(modules):
    """A reader who looks for a class finds one."""
    assert several((name, each.name) for each in modules for name in each.classes) == []


@pytest.mark.slow
def test_the_walk_of_one_customer_can_be_measured():
    """From `migrate` through one kind, with every move between the files of the package."""
    path = walk()
    (files, moves), (inside, moves_inside) = path.figures(), path.figures(inside=True)
    assert KIND in {call[0] for call in path.calls}
    assert SMALL / 2 < inside < files
    assert moves_inside < moves
    assert sum(count for _, count in path.moves(10_000)) >= len(path.moves(10_000)) > inside


def test_parameters_are_counted():
    """By position, by name, and both; not what gathers the rest."""
    (function,) = ast.parse("def f(a, /, b, c=1, *more, d, e=2, **others): ...").body
    assert count_parameters(function) == 5
