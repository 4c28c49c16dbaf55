"""Build the optional extensions. Everything else about the package is in pyproject.toml.

Without a C compiler they are left out, and nothing fails: they only make the same work faster.
"""

from setuptools import Extension, setup

_DEPENDS = {"reading/_prover": ["reading/_look.h"], "reading/_memory": [], "_sent_notes": []}
"""By the place of an extension in `masivo_stream/core`, what its source includes."""

setup(
    ext_modules=[
        Extension(
            f"masivo_stream.core.{place.replace('/', '.')}",
            [f"masivo_stream/core/{place}.c"],
            depends=[f"masivo_stream/core/{header}" for header in depends],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],  # Python 3.11, like `requires-python`
            py_limited_api=True,
            optional=True,
        )
        for place, depends in _DEPENDS.items()
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
