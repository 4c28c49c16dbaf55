"""What to check, how findings are listed, and whether what was found is still about the same exports."""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.edges.export.identity import encode_identity, identify_input
from masivo_stream.edges.export.source import Input
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.findings import ALWAYS_MADE, OF_PURCHASES, CheckName
from masivo_stream.model.settings import Settings, ValidationSettings

ALL = "all"
"""Names all checks."""

FIRST_PLACES = 20
"""Places that are listed of each check."""


class CheckPolicy(Struct, frozen=True):
    """What to check, and how findings are listed."""

    skipped: frozenset[CheckName] = frozenset()
    duplicate_purchase: str = "auto"
    first_places: int = FIRST_PLACES
    pure_python: bool = False
    """Do without the extension that looks at most lines. The findings are the same."""

    @property
    def left_out(self) -> frozenset[CheckName]:
        """The checks that are not made."""
        if self.duplicate_purchase != "allow":
            return self.skipped
        return self.skipped | {CheckName.DUPLICATE_EVENT, CheckName.DUPLICATE_PURCHASE}


def read_policy(settings: Settings) -> CheckPolicy | None:
    """Return what to check, None if there is nothing.

    Raises:
        ConfigurationError: `skip_checks` has a name that no check has, or that of a check that is always made.
    """
    validation = settings.validation
    names = [name for name in validation.skip_checks if name != ALL]
    for name in names:
        _check_name(name)
    if ALL in validation.skip_checks:
        return None
    pure_python = settings.source.pure_python
    return CheckPolicy(frozenset(map(CheckName, names)), validation.duplicate_purchase, pure_python=pure_python)


def _check_name(name: str) -> None:
    operation, place = "read the settings", f"--skip-checks {name}"
    if name not in set(CheckName):
        names = ", ".join([ALL, *(each for each in CheckName if each not in ALWAYS_MADE)])
        raise ConfigurationError(
            "there is no check of this name", operation=operation, place=place, hint=f"the names are {names}"
        )
    if name in OF_PURCHASES:
        raise ConfigurationError(
            "this check cannot be left out by name",
            operation=operation,
            place=place,
            hint="--duplicate-purchase allow sends events whose purchase came before, and does not look for them",
        )
    if name in ALWAYS_MADE:
        raise ConfigurationError(
            "this check cannot be left out by name, because what it holds back could not arrive",
            operation=operation,
            place=place,
            hint="correct the records that it finds, or migrate without them: they are dead letters, the rest is sent",
        )


def identify(inputs: Mapping[Kind, Sequence[Input]], validation: ValidationSettings, policy: CheckPolicy) -> bytes:
    """Return a digest of all that findings depend on; empty if an input cannot be read twice.

    An export is the same if size, time of change and samples are, as at the start of a run (`edges.export.identity`).

    Raises:
        InputError: an export cannot be read.
    """
    seen = []
    for kind, found in inputs.items():
        for each in found:
            identity = identify_input(each)
            if identity.stream:
                return b""
            seen.append((kind, each.name, encode_identity(identity)))
    rules = (
        validation.unknown_fields,
        validation.discounted_value,
        validation.transaction_types,
        validation.max_line_bytes,
    )
    about = (__version__, seen, rules, sorted(policy.skipped), policy.duplicate_purchase, policy.first_places)
    return hashlib.blake2b(msgspec.msgpack.encode(about), digest_size=16).digest()
