"""Numbers in planes: the first byte of each, then the second byte of each, and so on.

Numbers that are alike in their higher bytes are compressed to half of what they take as they are. The bytes of a number
are in the machine's order, which an answer names with the settings.
"""


def to_planes(content: bytes, width: int) -> bytes:
    """Return numbers of `width` bytes in planes."""
    return b"".join(content[byte::width] for byte in range(width))


def from_planes(planes: bytes, width: int) -> bytes:
    """Return the numbers of which `to_planes` made planes."""
    count = len(planes) // width
    content = bytearray(len(planes))
    for byte in range(width):
        content[byte::width] = planes[byte * count : (byte + 1) * count]
    return bytes(content)
