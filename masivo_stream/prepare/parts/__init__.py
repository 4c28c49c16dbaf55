"""Parts of a preparation: shares of the work that machines do apart from each other, and what makes one result of them.

A *share* is what `--part 2/4` does: it reads all sources, and settles the customers of a group of partitions. Its
answer is a directory below the directory of parts, which names what it was made from.
"""
