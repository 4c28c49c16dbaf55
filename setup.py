"""Build the optional extensions. Everything else about the package is in pyproject.toml.

Without a C compiler they are left out, and nothing fails: they only make the same work faster.
"""

from setuptools import Extension, setup

_PARTS = {
    "reading/_prover": ["look", "notes", "hash"],
    "reading/_memory": [],
    "checks/_remarkable": [],
    "_sent_notes": [],
}
"""By the place of an extension in `masivo_stream/core`, which parts (`_part.h`) its source includes."""

setup(
    ext_modules=[
        Extension(
            f"masivo_stream.core.{place.replace('/', '.')}",
            [f"masivo_stream/core/{place}.c"],
            depends=[f"masivo_stream/core/reading/_{part}.h" for part in parts],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],  # Python 3.11, like `requires-python`
            py_limited_api=True,
            optional=True,
        )
        for place, parts in _PARTS.items()
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
