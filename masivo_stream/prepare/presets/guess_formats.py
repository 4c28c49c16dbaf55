"""Guess from values how dates and numbers are written, and which columns hold them."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

from masivo_stream.prepare.engine.casts import ISO_LOCAL, ISO_ZONED
from masivo_stream.prepare.presets.found_tables import FoundTable

DATE_FORMATS = (
    "iso",
    *("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y"),
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d/%m/%y %H:%M", "%d/%m/%y", "%m/%d/%y %H:%M", "%m/%d/%y"),
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y"),
    *("%m-%d-%Y %H:%M:%S", "%m-%d-%Y %H:%M", "%m-%d-%Y"),
    *("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y%m%d"),
    *("%d %b %Y %H:%M:%S", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y"),
)
"""Formats that are tried, in this order. DuckDB and Python read them alike."""

SECONDS = ("unix", "unix_ms")
"""Counts of seconds and of milliseconds since 1970: only tried in columns that are known to hold dates."""

_COUNTS = {"unix": re.compile(r"1\d{9}"), "unix_ms": re.compile(r"1\d{12}")}
"""From 2001 to 2033. Earlier and later ones are read, but do not show what a column holds."""

_NUMBER = re.compile(r"[+-]?\d[\d.,' \u00a0]*")
_IDS = re.compile(r"(?i)(^|[ _])id$|Id$|ID$|number$|no$|zip|post|phone|sku|code|year")
_DATED = re.compile(r"(?i)date|time|_at$|At$|created|updated|joined|since|registered|issued|birth|paid")
_NEARLY_ALL = 0.9
ENOUGH_VALUES = 300
"""As many say what a column holds."""


def guess_dates(values: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the fewest formats, in order, that read as many of the values as any, and others that fit just as well."""
    orders = {
        _begins_with_month(form)
        for form in DATE_FORMATS
        if _order_matters(form)
        and any(fits(each, form) and not fits(each, swap_day_and_month(form)) for each in values)
    }

    def rank(form: str) -> tuple[int, bool]:
        """Of formats that read as much, one that has day and month as other values prove comes first."""
        return (
            sum(fits(value, form) for value in left),
            len(orders) != 1 or not _order_matters(form) or _begins_with_month(form) in orders,
        )

    left = {value for value in values if not value.startswith("0000")}
    chosen: list[str] = []
    while left:
        best = max((*DATE_FORMATS, *SECONDS), key=rank)
        read = {value for value in left if fits(value, best)}
        if not read:
            break
        chosen.append(best)
        left -= read
    twins = {swap_day_and_month(form): form for form in chosen if "%d" in form and "%m" in form}
    others = [
        twin
        for twin, form in twins.items()
        if twin in DATE_FORMATS and twin not in chosen and _reads_as_much(values, twin, form)
    ]
    return chosen, others


def swap_day_and_month(form: str) -> str:
    """Return a format with day and month in each other's place."""
    return form.translate({ord("d"): "m", ord("m"): "d"})


def _order_matters(form: str) -> bool:
    return "%d" in form and "%m" in form and not form.startswith("%Y")


def _begins_with_month(form: str) -> bool:
    return form.find("%m") < form.find("%d")


def are_ambiguous(forms: Sequence[str]) -> bool:
    """Return whether one format may read what another one means otherwise."""
    return any(swap_day_and_month(form) in forms and swap_day_and_month(form) != form for form in forms)


def _reads_as_much(values: Sequence[str], twin: str, form: str) -> bool:
    return all(fits(value, twin) for value in values if fits(value, form))


def fits(value: str, form: str) -> bool:
    """Return whether a format reads a value."""
    if form == "iso":
        return re.fullmatch(f"{ISO_ZONED}|{ISO_LOCAL}", value) is not None
    if form in _COUNTS:
        return _COUNTS[form].fullmatch(value) is not None
    if _shape(form).fullmatch(value) is None:  # quicker than strptime
        return False
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return True


@lru_cache
def _shape(form: str) -> re.Pattern[str]:
    """Return what all values of a format look like."""
    shapes = {"%Y": r"\d{4}", "%b": "[A-Za-z]{3}", "%p": "[AaPp][Mm]"}
    parts = re.findall(r"%.|[^%]+", form)
    return re.compile("".join(shapes.get(part, r"\d{1,2}" if part[0] == "%" else re.escape(part)) for part in parts))


def lacks_zone(value: str) -> bool:
    """Return whether a date needs the zone that a mapping names."""
    return re.fullmatch(ISO_ZONED, value) is None and not any(form.fullmatch(value) for form in _COUNTS.values())


def guess_decimal_mark(values: Sequence[str]) -> str | None:
    """Return the mark that most numbers have last; None if no number has one that does not group thousands."""
    commas = sum(_has_last(value, ",", ".") for value in values)
    points = sum(_has_last(value, ".", ",") for value in values)
    return None if commas == points == 0 else "," if commas > points else "."


def _has_last(value: str, mark: str, other: str) -> bool:
    """Return whether a mark divides the decimals of a number: the last one, and not before a group of three."""
    at = value.rfind(mark)
    digits = len(value) - at - 1
    groups = digits == 3 and value.count(other) == 0  # noqa: PLR2004 - 1,234 may be a thousand
    return at >= 0 and at > value.rfind(other) and value.count(mark) == 1 and not groups


def find_dates(table: FoundTable) -> list[str]:
    """Return the columns whose values are dates, nearly all of them."""
    return [name for name in table.columns if _mostly(table, name, _is_date(name))]


def _is_date(name: str) -> Callable[[str], bool]:
    forms = (*DATE_FORMATS, *SECONDS) if _DATED.search(name) else [form for form in DATE_FORMATS if form != "%Y%m%d"]
    return lambda value: any(fits(value, form) for form in forms)


def find_numbers(table: FoundTable) -> list[str]:
    """Return the columns whose values are numbers, nearly all of them, and neither ids nor dates."""
    dates = set(find_dates(table))
    names = [name for name in table.columns if not _IDS.search(name) and name not in dates]
    return [name for name in names if _mostly(table, name, lambda value: _NUMBER.fullmatch(value) is not None)]


def _mostly(table: FoundTable, name: str, is_one: Callable[[str], bool]) -> bool:
    values = [value for value in table.values([name])[:ENOUGH_VALUES] if not value.startswith("0000")]
    return bool(values) and sum(map(is_one, values)) >= _NEARLY_ALL * len(values)
