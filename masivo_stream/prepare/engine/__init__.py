"""The engine: load sources into tables, select flat rows into partitions, settle and write each partition."""
