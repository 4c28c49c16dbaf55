"""Write any number of lines to standard output, for memory.py.

python bench/flood.py customers|garbage|long LINES
"""

import argparse
import os
import sys

BLOCK_LINES = 10_000
LONG = 20_000_000
CUSTOMER = b'{"id":"%d","name":"A","email":"%d@a.co","registration_date":"2020-01-01T00:00:00Z"}\n'


def main() -> None:
    """Write the number of lines asked for, all of one sort."""
    parser = argparse.ArgumentParser(description="Write lines.")
    parser.add_argument("sort", choices=["customers", "garbage", "long"])
    parser.add_argument("lines", type=int)
    flags = parser.parse_args()
    out = sys.stdout.buffer
    if flags.sort == "long":
        line = b'{"id":"%s"}\n' % (b"x" * LONG)
        for _ in range(flags.lines):
            out.write(line)
        return
    for first in range(0, flags.lines, BLOCK_LINES):
        numbers = range(first, min(first + BLOCK_LINES, flags.lines))
        out.write(b"".join(CUSTOMER % (n, n) for n in numbers) if flags.sort == "customers" else b"{x\n" * len(numbers))


try:
    main()
    sys.stdout.flush()
except BrokenPipeError:  # the reader has closed the pipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
