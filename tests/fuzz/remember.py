"""Ask tables in C at random, and compare their answers with the law. `memory.sh` builds what is imported here."""

import ctypes
import random
import sys
import time
from bisect import bisect_left, insort

import _memory
from _memory import PurchaseTable, ValueTable

FAIL_EVERY = ctypes.c_uint.in_dll(ctypes.CDLL(_memory.__file__), "fail_every")


class Past:
    """What was given so far."""

    def __init__(self):
        self.last, self.times, self.now = {}, [], 0

    def others_since(self, value):
        """Return how many other values came after `value` did; None if it never came."""
        at = self.last.get(value)
        return None if at is None else len(self.times) - bisect_left(self.times, at) - 1

    def add(self, value):
        """Give a value."""
        at = self.last.get(value)
        if at is not None:
            del self.times[bisect_left(self.times, at)]
        self.now += 1
        self.last[value] = self.now
        insort(self.times, self.now)


def is_lawful(answer, since, capacity, *, sure):
    """Return whether an answer is right; after a lack of memory (not `sure`) values may be missed."""
    if answer:
        return since is not None
    return since is None or since > capacity or not sure


def remember_values(chance):
    """Give one table many values."""
    capacity = chance.choice([1, 2, 63, 64, 65, chance.randint(1, 300), chance.randint(1, 5000)])
    table, past, sure = ValueTable(capacity=capacity), Past(), True
    most = chance.choice([capacity, 2 * capacity, 10 * capacity, 1 << 60])
    begins = [chr(chance.randint(0, 0x10FFFF)) for _ in range(2)]
    FAIL_EVERY.value = chance.choice([0, 0, 3, 20])
    for _ in range(chance.randint(1, 60)):
        values = [chance.choice(begins) + str(chance.randint(0, most)) for _ in range(chance.randint(0, 200))]
        values += chance.sample(sorted(past.last), min(len(past.last), chance.randint(0, 20)))
        absent = set(table.absent(values))
        for index, value in enumerate(values):
            known = value in table
            if known == (index in absent) or not is_lawful(known, past.others_since(value), capacity, sure=sure):
                return False
        try:
            seen = (
                set(table.seen_all(values))
                if chance.random() < 0.8
                else {i for i, v in enumerate(values) if table.seen(v)}
            )
        except MemoryError:
            sure, seen = False, None
        for index, value in enumerate(values):
            if seen is not None and not is_lawful(index in seen, past.others_since(value), capacity, sure=sure):
                return False
            past.add(value)
    return True


def remember_purchases(chance):
    """Give one table many events of purchases."""
    capacity = chance.choice([1, 2, 64, 65, chance.randint(1, 300), chance.randint(1, 3000)])
    table, events, purchases, sure = PurchaseTable(capacity=capacity), Past(), Past(), True
    most, contents = chance.choice([3, capacity, 10 * capacity]), chance.choice([0, 3, 0xFFFFFF])
    FAIL_EVERY.value = chance.choice([0, 0, 3, 20])
    for _ in range(chance.randint(1, 40)):
        customers = [str(chance.randint(0, 9)) for _ in range(chance.randint(0, 40))]
        items = [chance.choice([0, 1, 2, 5, 70]) for _ in customers]
        bought = [str(chance.randint(0, most)) for _ in range(sum(items))]
        columns = customers, items, bought, [chance.randint(0, contents) for _ in bought]
        try:
            hits = table.note_all(*columns)
        except MemoryError:
            sure, hits = False, None
        owners = (customer for customer, count in zip(customers, items, strict=True) for _ in range(count))
        for index, event in enumerate(zip(owners, *columns[2:], strict=True)):
            same, alike = events.others_since(event), purchases.others_since(event[:2])
            right = hits is None or (
                is_lawful(bool(hits.get(index)), same, capacity, sure=sure) and (index not in hits or alike is not None)
            )
            if not right:
                return False
            events.add(event)
            purchases.add(event[:2])
    return True


def main():
    """Do so for some seconds."""
    end, seed = time.monotonic() + float(sys.argv[1]), time.time_ns()
    begin = seed
    while time.monotonic() < end:
        chance = random.Random(seed)
        if not (remember_values(chance) and remember_purchases(chance)):
            sys.exit(f"the law is broken with seed {seed}")
        seed += 1
    sys.stdout.write(f"Done: {seed - begin:,} tables\n")


if __name__ == "__main__":
    main()
