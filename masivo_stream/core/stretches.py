"""Into which stretches a run's time is cut, so that charts of a minute and of a week hold about as many."""

MOST_STRETCHES = 120

_DAY = 86_400
_LENGTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)


def cut(begin: float, end: float) -> tuple[float, float]:
    """Return where the first stretch begins and how long each is; moments in seconds, `end` not before `begin`.

    At most `MOST_STRETCHES` of them hold every moment from `begin` to `end`. They begin at whole multiples of their
    length, as clocks are read.
    """
    for length in _LENGTHS:
        first = begin // length * length
        if (end - first) // length < MOST_STRETCHES:
            return first, float(length)
    days = 1 + int((end - begin) // (_DAY * (MOST_STRETCHES - 1)))
    return begin // (_DAY * days) * (_DAY * days), float(_DAY * days)
