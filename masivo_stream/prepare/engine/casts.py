"""Casts from text to numbers and dates, as SQL. A cast gives a value, and words about what was remarkable.

A cast has two stages, so that no expression is computed twice: what the first one prepares is a column of a subquery,
and value and words refer to it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations
from zoneinfo import ZoneInfo

from msgspec import Struct

from masivo_stream.prepare.mapping.frame import Formats
from masivo_stream.prepare.settling.remarks import Why

NO_ZONE = "no_zone"
"""The word about a date without a zone if the mapping names no zone."""

NUMBER_TYPE = "DECIMAL(18,6)"
"""Millionths up to a million millions, and a product of two of them fits into DuckDB's largest decimal."""


Words = tuple[tuple[str, str], ...]


class SqlCast(Struct, frozen=True):
    """The SQL of one cast."""

    prepared: dict[str, str]
    """Columns of the subquery: expressions by name."""
    value: str
    words: Words
    """Conditions, and the word about a value that meets one."""


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def describe_words(casts: Iterable[tuple[str, SqlCast]]) -> str:
    """Return an expression of all words about a row, each with the tag of its column; NULL if there is no word."""
    cases = [
        f"CASE WHEN {condition} THEN {literal(f'{word}:{tag}')} END"
        for tag, cast in casts
        for condition, word in cast.words
    ]
    return f"nullif(concat_ws(' ', {', '.join(cases)}), '')" if cases else "NULL::VARCHAR"


_GROUPS = {".": r"(\d{1,3}([, '\x{a0}\x{202f}]\d{3})+|\d+)", ",": r"(\d{1,3}([. '\x{a0}\x{202f}]\d{3})+|\d+)"}
"""Digits before the decimal mark, in groups of three or without groups."""


def cast_number(text: str, formats: Formats, name: str) -> SqlCast:
    """Return the cast of an expression to a number; `name` begins the names of what is prepared."""
    mark = formats.decimal_mark
    sign = r"[+\-\x{2212}]?"
    fraction = rf"([{mark}]\d*)?"
    pattern = rf"{sign}({_GROUPS[mark]}{fraction}|[{mark}]\d+)([eE][+\-]?\d+)?"
    trimmed, plain = quoted(f"{name}.t"), quoted(f"{name}.n")
    cleaned = (
        f"translate(trim({text}, {literal(_WHITE)}), {literal(_OTHER_MARKS[mark])}, {literal(_THEIR_MARKS[mark])})"
    )
    return SqlCast(
        prepared={
            f"{name}.t": f"nullif(trim({text}, {literal(_WHITE)}), '')",
            f"{name}.n": f"CASE WHEN regexp_full_match(trim({text}, {literal(_WHITE)}), {literal(pattern)})"
            f" THEN {cleaned} END",
        },
        value=f"try_cast({plain} AS {NUMBER_TYPE})",
        words=(
            (f"{trimmed} IS NOT NULL AND try_cast({plain} AS {NUMBER_TYPE}) IS NULL", Why.BAD_NUMBER),
            (
                (
                    rf"regexp_matches({plain}, '[.]\d{{7}}|[eE]-') AND"
                    f" try_cast({plain} AS DECIMAL(38,18)) IS DISTINCT FROM try_cast({plain} AS {NUMBER_TYPE})"
                ),
                Why.ROUNDED,
            ),
        ),
    )


_WHITE = " \t\r\n\u00a0\u202f"
_OTHER_MARKS = {".": "\u2212, '\u00a0\u202f", ",": "\u2212,. '\u00a0\u202f"}
_THEIR_MARKS = {".": "-", ",": "-."}
"""What replaces each of these characters; those without a partner are removed."""


def cast_date(text: str, formats: Formats, name: str) -> SqlCast:
    """Return the cast of an expression to a moment; `name` begins the names of what is prepared."""
    trimmed, zoned, local = (quoted(f"{name}.{part}") for part in ("t", "z", "l"))
    cleaned = f"nullif(trim({text}, {literal(_WHITE)}), '')"
    zero = rf"regexp_full_match({cleaned}, '0000-00-00([T ][0:.]*Z?)?|00/00/0000( [0:]*)?')"
    with_zone = [tried for each in formats.date_formats if (tried := _try_zoned(trimmed, each))]
    local_tries = {each: tried for each in formats.date_formats if (tried := _try_local(trimmed, each))}
    both = [
        f"({local_tries[one]}) <> ({local_tries[other]})"
        for one, other in combinations(local_tries, 2)
        if _date_shape(one) == _date_shape(other)
    ]
    ambiguous = ((f"{zoned} IS NULL AND ({' OR '.join(both)})", Why.AMBIGUOUS_DATE),) if both else ()
    text_first = {f"{name}.t": f"CASE WHEN NOT coalesce({zero}, false) THEN {cleaned} END"}
    found = {
        f"{name}.z": _coalesce(with_zone, "TIMESTAMPTZ"),
        f"{name}.l": _coalesce(local_tries.values(), "TIMESTAMP"),
    }
    bad = f"{trimmed} IS NOT NULL AND {zoned} IS NULL AND {local} IS NULL"
    return _date_cast({**text_first, **found}, formats, name, zero, ((bad, Why.BAD_DATE), *ambiguous))


def cast_local(value: str, formats: Formats, name: str) -> SqlCast:
    """Return the cast of a TIMESTAMP or DATE, which has no zone, to a moment."""
    prepared = {f"{name}.z": "NULL::TIMESTAMPTZ", f"{name}.l": f"CAST({value} AS TIMESTAMP)"}
    return _date_cast(prepared, formats, name, "false", ())


def cast_zoned(value: str, formats: Formats, name: str) -> SqlCast:
    """Return the cast of a TIMESTAMPTZ to a moment; infinity is not one."""
    prepared = {f"{name}.z": value, f"{name}.l": "NULL::TIMESTAMP"}
    return _date_cast(prepared, formats, name, "false", ())


def _date_cast(prepared: dict[str, str], formats: Formats, name: str, zero: str, words: Words) -> SqlCast:
    zoned, local = quoted(f"{name}.z"), quoted(f"{name}.l")
    if not formats.time_zone:
        value = f"coalesce({zoned}, {local} AT TIME ZONE 'UTC')"
        zones: Words = ((f"{zoned} IS NULL AND {local} IS NOT NULL", NO_ZONE),)
    else:
        zone = literal(formats.time_zone)
        instant = f"({local} AT TIME ZONE {zone})"
        value = f"coalesce({zoned}, {instant})"
        without = f"{zoned} IS NULL AND {local} IS NOT NULL"
        again = [
            f"(({instant} - INTERVAL {seconds} SECOND) AT TIME ZONE {zone}) = {local}"
            for seconds in repeated_spans(formats.time_zone)
        ]
        zones = (
            (f"{without} AND ({instant} AT TIME ZONE {zone}) <> {local}", Why.SKIPPED_HOUR),
            *([(f"{without} AND ({' OR '.join(again)})", Why.REPEATED_HOUR)] if again else []),
        )
    # Infinity has no year. A year below 1000 is one of two digits that %Y has read, or a word for "no date".
    in_calendar = f"coalesce(year(({value}) AT TIME ZONE 'UTC') BETWEEN 1000 AND 9999, false)"
    return SqlCast(
        prepared={**prepared, f"{name}.0": f"coalesce({zero}, false)"},
        value=f"CASE WHEN {in_calendar} THEN {value} END",
        words=(
            *words,
            (f"({value}) IS NOT NULL AND NOT {in_calendar}", Why.BAD_DATE),
            (quoted(f"{name}.0"), Why.ZERO_DATE),
            *((f"{in_calendar} AND {condition}", word) for condition, word in zones),
        ),
    )


ISO_ZONED = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?([Zz]|UTC|[+\-]\d{2}(:?\d{2})?)"
ISO_LOCAL = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?)?"


def _try_zoned(text: str, form: str) -> str | None:
    """Return the expression that reads moments of a format; None if its dates have no zone."""
    if form == "unix":
        digits = rf"regexp_full_match({text}, '-?\d{{1,11}}')"
        return f"CASE WHEN {digits} THEN to_timestamp(try_cast({text} AS BIGINT)) END"
    if form == "unix_ms":
        digits = rf"regexp_full_match({text}, '-?\d{{1,14}}')"
        return f"CASE WHEN {digits} THEN make_timestamptz(try_cast({text} AS BIGINT) * 1000) END"
    if form == "iso":
        joined = rf"regexp_replace({text}, ' ([+\-])', '\1')"  # DuckDB takes no space before an offset
        return f"CASE WHEN regexp_full_match({text}, {literal(ISO_ZONED)}) THEN try_cast({joined} AS TIMESTAMPTZ) END"
    return _strptime(text, form) if "%z" in form or "%Z" in form else None


def _try_local(text: str, form: str) -> str | None:
    """Return the expression that reads local times of a format; None if its dates have a zone."""
    if form == "iso":
        point = f"replace({text}, ',', '.')"
        return f"CASE WHEN regexp_full_match({text}, {literal(ISO_LOCAL)}) THEN try_cast({point} AS TIMESTAMP) END"
    return None if form in {"unix", "unix_ms"} or "%z" in form or "%Z" in form else _strptime(text, form)


def _strptime(text: str, form: str) -> str:
    """Return the expression that reads a format. DuckDB also takes infinity and epoch, and a year 24 for %Y."""
    digits = "[0-9]{4}" if "%Y" in form else "[0-9]"
    return f"CASE WHEN regexp_matches({text}, '{digits}') THEN try_strptime({text}, {literal(form)}) END"


def _date_shape(form: str) -> str:
    """Return what two formats have in common if one text may fit both, with day and month exchanged."""
    shape = re.sub("%-?[dmY]", "N", "%Y-%m-%d" if form == "iso" else form)
    return "N-N-N" if shape.startswith("N-N-N") else shape


def _coalesce(expressions: Iterable[str], kind: str) -> str:
    return f"coalesce({', '.join([*expressions, f'NULL::{kind}'])})"


@lru_cache
def repeated_spans(zone: str) -> tuple[int, ...]:
    """Return by how many seconds clocks of a zone were ever set back since 1970: the lengths of repeated spans."""
    return tuple(sorted(set(_set_back(ZoneInfo(zone)))))


def _set_back(zone: ZoneInfo) -> Iterator[int]:
    """Yield by how many seconds clocks were set back, change by change; half a day is a step that misses none."""
    moment, step = datetime(1970, 1, 1, tzinfo=UTC), timedelta(hours=12)
    before = moment.astimezone(zone).utcoffset()
    while moment.year < LAST_YEAR:
        moment += step
        offset = moment.astimezone(zone).utcoffset()
        if before is not None and offset is not None and offset < before:
            yield int((before - offset).total_seconds())
        before = offset


LAST_YEAR = 2038
"""Rules of daylight saving repeat; the files of zones list changes up to here."""
