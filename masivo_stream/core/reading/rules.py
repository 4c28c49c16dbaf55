"""The rules by which the lines of one kind are validated, whichever process does it."""

from typing import Any

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.schemas import (
    CustomerRecord,
    EventsRecord,
    GuideTransactionsRecord,
    LooseOrder,
    Order,
    TransactionsRecord,
)


class Rules(Struct, frozen=True, kw_only=True):
    """The validation settings of one kind, as yes or no, and what else a decoder needs."""

    kind: Kind
    max_line_bytes: int
    """Longer lines are rejected as `too_long`."""
    reject_unknown_fields: bool = False
    """`unknown_fields = "reject"`."""
    discounted_value_optional: bool = False
    """`discounted_value = "optional"`."""
    guide_types_only: bool = False
    """`transaction_types = "guide"`."""
    thorough: bool = False
    """Search every line for fields that occur twice, not only the suspicious ones (`duplicate_fields`)."""
    sign_events: bool = False
    """Collect the signs of events (`purchases`), for whoever knows which events came before."""

    @property
    def schema(self) -> Any:  # noqa: ANN401 - a generic alias is no `type` to mypy
        """The msgspec type of a record."""
        match self.kind:
            case Kind.CUSTOMERS:
                return CustomerRecord
            case Kind.EVENTS:
                return EventsRecord[LooseOrder] if self.discounted_value_optional else EventsRecord[Order]
            case Kind.TRANSACTIONS:
                return GuideTransactionsRecord if self.guide_types_only else TransactionsRecord
