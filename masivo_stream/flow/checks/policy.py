"""What to check, and how findings are listed."""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.findings import CheckName

ALL = "all"
"""Names all checks."""

FIRST_PLACES = 20
"""Places that are listed of each check."""


class CheckPolicy(Struct, frozen=True):
    """What to check, and how findings are listed."""

    skipped: frozenset[CheckName] = frozenset()
    duplicate_purchase: str = "auto"
    first_places: int = FIRST_PLACES

    @property
    def left_out(self) -> frozenset[CheckName]:
        """The checks that are not made."""
        if self.duplicate_purchase != "allow":
            return self.skipped
        return self.skipped | {CheckName.DUPLICATE_EVENT, CheckName.DUPLICATE_PURCHASE}


def read_policy(skip_checks: Iterable[str], duplicate_purchase: str) -> CheckPolicy | None:
    """Return what to check, None if there is nothing: `skip_checks` are names of checks, or `all`.

    Raises:
        ConfigurationError: there is no check of a name.
    """
    skipped = set()
    for name in skip_checks:
        if name == ALL:
            return None
        if name not in list(CheckName):
            raise ConfigurationError(
                "there is no check of this name",
                operation="read the command",
                place=f"--skip-checks {name}",
                hint=f"the names are {', '.join([ALL, *CheckName])}",
            )
        skipped.add(CheckName(name))
    return CheckPolicy(frozenset(skipped), duplicate_purchase)
