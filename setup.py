"""Build the optional extensions. Everything else about the package is in pyproject.toml.

Without a C compiler the extensions are left out, and nothing fails: they only make validation faster.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "masivo_stream.core.reading._prover",
            ["masivo_stream/core/reading/_prover.c"],
            depends=["masivo_stream/core/reading/_look.h"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],  # Python 3.11, like `requires-python`
            py_limited_api=True,
            optional=True,
        ),
        Extension(
            "masivo_stream.core.checks._remarkable",
            ["masivo_stream/core/checks/_remarkable.c"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        ),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
