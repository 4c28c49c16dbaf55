"""What `import masivo_stream` gives is what it lists."""

import ast
from pathlib import Path

import masivo_stream


def test_every_public_name_is_there():
    """Each name of `__all__` can be had, and each has a home."""
    assert all(getattr(masivo_stream, name) is not None for name in masivo_stream.__all__)
    assert sorted(masivo_stream.__all__) == sorted(masivo_stream._HOMES)
    assert set(masivo_stream.__all__) <= set(dir(masivo_stream))


def test_type_checkers_see_the_same_names():
    """The imports under TYPE_CHECKING name the same objects from the same modules."""
    tree = ast.parse(Path(masivo_stream.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == {name: f"masivo_stream.{home}" for name, home in masivo_stream._HOMES.items()}


def test_unknown_names_are_refused():
    """A name that is not public raises AttributeError, as of any module."""
    assert not hasattr(masivo_stream, "no_such_name")
