"""Which values of a record an example shows: what may be personal is masked, unless a person asks for it."""

from masivo_stream.core.redact import MASK, api_names, mask, printable

_PERSONAL = frozenset(
    {
        *("id", "name", "email", "document_number", "dob"),
        *("purchase_id", "device_token", "details", "metadata", "tags"),
    }
)
_LONGEST = 60


def shown_value(place: str, value: str | None, *, show: bool) -> str:
    """Return a JSON text as an example shows it; empty for no value.

    Values of fields that are about a person, and of fields that the API does not know, are masked.
    """
    if value is None:
        return ""
    names = [step.partition("[")[0] for step in place.split(".")]
    if not show and (not _PERSONAL.isdisjoint(names) or not api_names().issuperset(names)):
        return MASK
    text = printable(value if show else mask(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"
