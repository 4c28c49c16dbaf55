"""Print both tables about requests: packing against the lower bound, and the cost of bad records in a refused batch.

The figures are counted, not timed (except for the packer's speed). `packing.py` and `isolating.py` make the tables and
explain the columns.

Data: made there, with fixed seeds. Machine: any. Command: python bench/requests.py
"""

import sys

import isolating
import packing


def main() -> None:
    """Print both tables."""
    print("Packing: requests against the lower bound, and against an offline packing that sees the whole file first.\n")
    packing.main()
    print("\nIsolation: requests beyond the lower bound, by bad records among a thousand.\n")
    sys.argv = sys.argv[:1]
    isolating.main()


if __name__ == "__main__":
    main()
