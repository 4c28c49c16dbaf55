"""Text from outside, made safe to show: it stays on its line, and a terminal obeys nothing in it."""

import re

# C0 and C1 controls, line separators, and marks that change the direction of text (Unicode TR 36, section 2.5).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def named(text: str) -> str:
    """Return `text` with bytes of a file's name that are no UTF-8 escaped (they are surrogates, PEP 383)."""
    return text.encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    """Return `text` on one line, with everything a terminal might obey escaped."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
