"""Build the optional extensions. Everything else about the package is in pyproject.toml.

Without a C compiler they are left out, and nothing fails: they only make validation faster.
"""

from setuptools import Extension, setup

_READING = "masivo_stream/core/reading"
_DEPENDS = {"_prover": ["_look.h"], "_memory": []}
"""By the name of the extension, what its source includes."""

setup(
    ext_modules=[
        Extension(
            f"masivo_stream.core.reading.{name}",
            [f"{_READING}/{name}.c"],
            depends=[f"{_READING}/{header}" for header in depends],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],  # Python 3.11, like `requires-python`
            py_limited_api=True,
            optional=True,
        )
        for name, depends in _DEPENDS.items()
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
