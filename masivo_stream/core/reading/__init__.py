"""From blocks of bytes to entries, rejections and skipped records."""
