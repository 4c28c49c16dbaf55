"""Requests: how near packing comes to the lower bound, and what culprits in a refused batch cost.

Two tables, counted, not timed (but for the packer's speed). What each column is: `packing.py` and `isolating.py`, whose
tables these are.

Data: made there, seeds fixed. Machine: any. Command: python bench/requests.py
"""

import sys

import isolating
import packing


def main() -> None:
    """Print both tables."""
    print("Packing: requests against the lower bound, and against an offline packing that sees the whole file first.\n")
    packing.main()
    print("\nIsolation: requests beyond the lower bound, by culprits among a thousand.\n")
    sys.argv = sys.argv[:1]
    isolating.main()


if __name__ == "__main__":
    main()
