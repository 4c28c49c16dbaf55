"""What one machine is asked when exports are validated in parts on many of them, and how a part is named."""

from msgspec import Struct

from masivo_stream.model.contract import Kind


class PartInput(Struct, frozen=True, array_like=True):
    """One input of the exports, as every machine must find it."""

    kind: Kind
    path: str
    """Where this machine finds it. It does not count: another machine may have it elsewhere."""
    size: int
    """In bytes, as stored."""
    compressed: bool
    """It cannot be read from the middle, so it is not divided."""
    identity: bytes
    """A digest of what it is: of size and samples, or of what object storage says of it."""


class PartRules(Struct, frozen=True, array_like=True):
    """The settings on which an answer depends."""

    unknown_fields: str
    discounted_value: str
    transaction_types: str
    max_line_bytes: int


class WrittenPart(Struct, frozen=True, kw_only=True):
    """What `validate --part` has done; `--json` prints it."""

    part: int
    parts: int
    answer: str
    """Path or URL of the answer."""
    bytes: int
    """How long the answer is."""
    lines: int
    """Lines that belong to the part, blank ones included."""
    again: int
    """Lines that are validated again by whoever takes the answer up: faulty ones, skipped ones, and odd ones."""
    known: bool
    """It was there already, and nothing was done."""


class PartRequest(Struct, frozen=True, array_like=True):
    """What `flow.parts.make_part.make_part` is asked: msgpack of this."""

    inputs: tuple[PartInput, ...]
    """All inputs of all exports, in reading order: customers, events, transactions."""
    rules: PartRules
    part: int
    """From 1 to `parts`."""
    parts: int
    block_bytes: int = 1 << 20
    """Bytes that are read at once. The answer does not depend on it."""
    pure_python: bool = False
    """Do without the extension that proves lines. The answer does not depend on it."""
