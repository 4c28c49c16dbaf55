"""A span of a trace, and whether spans are wanted: the standard variables of OpenTelemetry say that."""

from collections.abc import Mapping

from msgspec import Struct

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
Value = str | int | float | bool


class RequestSpan(Struct, frozen=True, kw_only=True):
    """One span. Moments are Unix seconds."""

    name: str
    began: float
    ended: float
    attributes: Mapping[str, Value]
    events: Mapping[str, Mapping[str, Value]] = {}
    """What happened just before it began."""
    error: str = ""
    """Why it failed; empty if it did not."""


def tracing_wanted(environment: Mapping[str, str]) -> bool:
    """Return whether the standard variables name a collector, and do not turn tracing off."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    none = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    return any(environment.get(name, "").strip() for name in _ENDPOINTS) and not off and not none
