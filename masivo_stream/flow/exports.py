"""What a caller names to be read: exports by kind, or only what a revert took back of them."""

import os
from collections.abc import Mapping, Sequence

from msgspec import Struct

from masivo_stream.edges.export.source import STDIN, Input
from masivo_stream.flow.look_up import look_up, patience_of
from masivo_stream.flow.remote_files import names_in
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import RetrySettings


class Exports(Struct, frozen=True, kw_only=True):
    """The exports to read, by kind: files (.ndjson, .gz, .zst), URLs of objects, globs, or `-` for standard input."""

    customers: Sequence[str] = ()
    events: Sequence[str] = ()
    transactions: Sequence[str] = ()
    parts: str = ""
    """The directory or URL of a folder with answers of parts, which other machines have validated. Without it,
    everything is validated here."""

    def found(self, retry: RetrySettings) -> "FoundExports":
        """Return these exports with the inputs that they stand for: an object is read as it was found at first.

        Raises:
            ConfigurationError: a URL cannot be read from.
            InputError: an export does not exist, or object storage does not answer.
        """
        return FoundExports(
            customers=self.customers,
            events=self.events,
            transactions=self.transactions,
            parts=self.parts,
            inputs=self.find(retry),
        )

    def find(self, retry: RetrySettings) -> dict[Kind, list[Input]]:
        """Return the inputs of every kind that is named; `retry` says how long object storage is waited for.

        Raises:
            ConfigurationError: a URL cannot be read from.
            InputError: an export does not exist, or object storage does not answer.
        """
        named = {Kind.CUSTOMERS: self.customers, Kind.EVENTS: self.events, Kind.TRANSACTIONS: self.transactions}
        patience = patience_of(retry)
        return {kind: found for kind, names in named.items() if (found := look_up(names, patience))}


class FoundExports(Exports, frozen=True, kw_only=True):
    """Exports that were looked up."""

    inputs: Mapping[Kind, list[Input]]

    def find(self, retry: RetrySettings) -> dict[Kind, list[Input]]:
        """Return the inputs that were found."""
        del retry
        return dict(self.inputs)


EXPORT_SUFFIXES = (".ndjson", ".ndjson.gz", ".ndjson.zst")
"""The ends of an export's name in a directory, in the order in which they are looked for."""


def exports_in(directory: str) -> Exports:
    """Return the exports in a directory, or in a folder of object storage, by their names.

    Raises:
        ConfigurationError: there is no export, or the folder cannot be listed.
        InputError: object storage does not answer.
    """
    found, listed = {}, names_in(directory)
    exists = os.path.exists if listed is None else listed.__contains__
    directory = directory if listed is None else directory.rstrip("/")
    for kind in Kind:
        paths = (os.path.join(directory, f"{kind}{suffix}") for suffix in EXPORT_SUFFIXES)  # noqa: PTH118 - as it is named
        found[kind.value] = tuple(path for path in paths if exists(path))[:1]
    if not any(found.values()):
        raise ConfigurationError(
            "there is no export in this directory",
            operation="read the command",
            place=directory,
            hint="name the directory that masivo-stream prepare has written; it holds prepare.json",
        )
    return Exports(customers=found["customers"], events=found["events"], transactions=found["transactions"])


class OnlyMissing(Struct, frozen=True, kw_only=True):
    """Send only what a revert took back of a run, with whatever else is pending.

    The customers of the run are read back to find out what is missing.
    """

    exports: Exports = Exports()
    """The run's exports; those it knows need no name."""
    others_stayed: bool = False
    """A person confirms: of the customers that another run migrated, those that are there were not taken back."""


def check_inputs(inputs: Mapping[Kind, list[Input]]) -> None:
    """Check that there is something to read, and that standard input is named at most once.

    Raises:
        ConfigurationError: there is nothing to read, or standard input is named twice.
    """
    if not inputs:
        raise ConfigurationError(
            "there is nothing to read",
            operation="read the command",
            hint="name exports with --customers, --events or --transactions",
        )
    if sum(source.path == STDIN for found in inputs.values() for source in found) > 1:
        raise ConfigurationError(
            "standard input is named twice",
            operation="read the command",
            hint="only one export can come from standard input",
        )
