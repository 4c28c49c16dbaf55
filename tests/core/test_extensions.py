"""A person sees which extensions are at work."""

from pathlib import Path

import masivo_stream
from masivo_stream.core.extensions import describe_extensions, find_extensions

PACKAGE = Path(masivo_stream.__file__).parent


def test_what_is_missing_is_named():
    assert describe_extensions({"one": True, "other": True}) == "all 2 at work"
    none = describe_extensions({"one": True, "other": True}, pure_python=True)
    assert none == "all 2 built, none at work: pure_python is set"
    assert describe_extensions({"one": True, "other": False, "third": False}).startswith("other, third not built, or")
    assert describe_extensions({"one": False, "other": False}).startswith(
        "no extension was built: install the package again"
    )


def test_each_extension_of_the_package_is_known():
    sources = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.c")}
    assert {*find_extensions()} == sources
