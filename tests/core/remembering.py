"""The tables that remember, in C and in Python: for tests of both."""

import pytest

from masivo_stream.core.reading.memory import has_tables

if has_tables():
    from masivo_stream.core.reading._memory import ValueTable

    TABLES = [ValueTable]
else:
    TABLES = []

in_c = pytest.mark.skipif(not has_tables(), reason="the extension is not built: there was no C compiler")
both = pytest.mark.parametrize(
    "pure_python", [pytest.param(False, marks=in_c, id="in C"), pytest.param(True, id="in Python")]
)
