"""Two exports that begin alike, in a sentence."""


def tell_overlap(file: str, other: str, *, lines: int, size: int) -> str:
    """Say that an export begins as another one does that the account has got."""
    common = f"first {size:,} bytes" if size else f"first {lines:,} lines" if lines > 1 else "first line"
    return (
        f"the {common} of {file} are those of {other}, which the account has got: events and transactions in"
        " both count twice"
    )
