INTERFACE: int

def notes(
    salt: bytes, customers: list[str], items: list[int], purchases: list[str], contents: list[int], /
) -> bytes: ...
