"""Which paths of fields may be shown outside of the dead-letter file.

A path is made of the record's own names (`unknown_field`, the keys of an object) or of a server's words, so it may hold
anything: an email as well. It is shown only where every name in it is one of the API's.
"""

import re
from functools import cache

from msgspec import Struct

from masivo_stream.model import records

_PATH = re.compile(r"[A-Za-z_]+(\[\d{1,6}\])*(\.[A-Za-z_]+(\[\d{1,6}\])*)*")
_NAME = re.compile(r"[A-Za-z_]+")


def public_field(path: str) -> str:
    """Return `path` if it is made of the API's names alone, else nothing."""
    return path if _PATH.fullmatch(path) and _names().issuperset(_NAME.findall(path)) else ""


@cache
def _names() -> frozenset[str]:
    schemas = [value for value in vars(records).values() if isinstance(value, type) and issubclass(value, Struct)]
    fields = {name for schema in schemas for name in schema.__struct_encode_fields__}
    return frozenset(fields | {schema.__struct_config__.tag_field or "type" for schema in schemas})
