"""What is known of an object in object storage: enough to notice that it was replaced."""

from msgspec import Struct


class ObjectFacts(Struct, frozen=True, kw_only=True):
    """An object as an answer describes it."""

    size: int
    """Bytes as stored."""
    etag: str = ""
    version: str = ""
    modified_ns: int = 0
    """When it was written, in nanoseconds since 1970; 0 if that is not known."""

    @property
    def recognisable(self) -> bool:
        """Whether a replacement at the same URL would show."""
        return bool(self.etag or self.modified_ns)

    @property
    def condition(self) -> str:
        """The ETag for `If-Match`, which only a strong one fulfils (RFC 9110, 13.1.1); empty without one."""
        return "" if self.etag.startswith("W/") else self.etag

    def is_same(self, other: "ObjectFacts") -> bool:
        """Return whether both describe one object, by size and ETag, or by size and time without an ETag."""
        if self.size != other.size:
            return False
        return self.etag == other.etag if self.etag or other.etag else self.modified_ns == other.modified_ns
