"""The plan: what a migration would take. Its JSON form is what `plan --json` prints."""

from datetime import datetime

from msgspec import Struct

from masivo_stream.model.summary import Summary


class KindPlan(Struct, frozen=True, kw_only=True):
    """One kind's part of the plan."""

    records: int
    items: int
    requests: int
    requests_lower_bound: int


class Plan(Struct, frozen=True, kw_only=True):
    """What a migration of these exports would take. Times in seconds, at one scope of windows each."""

    schema: int = 1
    summary: Summary
    kinds: dict[str, KindPlan]
    requests: int
    seconds: dict[str, float]
    """By account: `configured`, `prod`, `dev`."""
    finished_at: datetime
    """If it began now, at the configured limits."""
    warnings: list[str]
