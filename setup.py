"""Build the optional extensions. Everything else about the package is in pyproject.toml.

Without a C compiler they are left out, and nothing fails: they only make the same work faster.
"""

from setuptools import Extension, setup


PROVER_PARTS = [f"masivo_stream/core/reading/_{part}.h" for part in ("look", "notes", "hash")]


def extension(path: str, *headers: str) -> Extension:
    """Return the extension that is made of one file in C, which includes `headers`."""
    return Extension(
        path.removesuffix(".c").replace("/", "."),
        [path],
        depends=list(headers),
        define_macros=[("Py_LIMITED_API", "0x030B0000")],  # Python 3.11, like `requires-python`
        py_limited_api=True,
        optional=True,
    )


setup(
    ext_modules=[
        extension("masivo_stream/core/reading/_prover.c", *PROVER_PARTS),
        extension("masivo_stream/core/checks/_remarkable.c"),
        extension("masivo_stream/core/_sent_notes.c"),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
