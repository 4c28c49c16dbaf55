"""Texts that would forge a line, hide themselves, or control a terminal."""

HOSTILE = [
    "a\nbatch_sent outcome=accepted",
    "a\r\n2024-01-01T00:00:00Z [info     ] phase_ended",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x08\x08\x08\x7f",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "\u061cabc",
    "\u2028second line",
    "\u2029\x85\x0b\x0cline",
    "\ud800",
    "\x00",
    '","event":"forged',
]
