"""The tables that remember, in C and in Python: for tests of both."""

import pytest
from hypothesis import strategies as st

from masivo_stream.core.reading.memory import has_tables

if has_tables():
    from masivo_stream.core.reading._memory import PurchaseTable, ValueTable

    TABLES = [ValueTable, PurchaseTable]
else:
    TABLES = []

in_c = pytest.mark.skipif(not has_tables(), reason="the extension is not built: there was no C compiler")
both = pytest.mark.parametrize(
    "pure_python", [pytest.param(False, marks=in_c, id="in C"), pytest.param(True, id="in Python")]
)

TEXTS = st.one_of(st.sampled_from(["", "a", "b", "ab", "é", "\ud800"]), st.text(st.characters(), max_size=3))
"""Some of them more than once, some with lone surrogates."""
