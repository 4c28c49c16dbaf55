"""Check quickly that every date-time in a decoded value is written as RFC 3339 requires.

The typed decoder refuses dates that do not exist, but accepts similar spellings (`+0000`, a space for the `T`). This
check visits only the fields of a schema that lead to a date, so that a thousand records cost milliseconds. It only
returns whether the dates are valid; `core.reading.schema_faults` finds the field and the fault, in ten times the time.
"""

from collections.abc import Callable

from msgspec import inspect

from masivo_stream.core.reading.schema_faults import is_rfc3339

Check = Callable[[object], bool]


def date_check(schema: object) -> Check:
    """Return the check of one msgspec type. It expects values that the typed decoder already accepted."""
    return _check(inspect.type_info(schema)) or (lambda _: True)


def _check(kind: inspect.Type) -> Check | None:
    """Return the check for values of `kind`, or None if they cannot hold a date."""
    match kind:
        case inspect.DateTimeType():
            return lambda value: isinstance(value, str) and is_rfc3339(value)
        case inspect.ListType():
            return _list_check(_check(kind.item_type))
        case inspect.StructType():
            return _object_check(kind)
        case inspect.UnionType():
            return _union_check(kind)
        case _:
            return None


def _list_check(item: Check | None) -> Check | None:
    if item is None:
        return None
    return lambda value: not isinstance(value, list) or all(map(item, value))


def _object_check(kind: inspect.StructType) -> Check | None:
    parts = [(field.encode_name, _check(field.type)) for field in kind.fields]
    dated = [(name, check) for name, check in parts if check is not None]
    if not dated:
        return None

    def check(value: object) -> bool:
        if not isinstance(value, dict):
            return True
        return all(value.get(name) is None or part(value[name]) for name, part in dated)

    return check


def _union_check(kind: inspect.UnionType) -> Check | None:
    """Check by every member: the tagged structs of a union have the same names and types of dates."""
    checks = [check for check in map(_check, kind.types) if check is not None]
    if not checks:
        return None
    return lambda value: value is None or all(check(value) for check in checks)
