"""Bytes as people say them: nothing, 812 bytes, 4.0 KB, 3.1 MB, 46 GB. A KB is 1024 bytes."""


def size_words(size: int) -> str:
    """A number of bytes with two or three digits and its unit."""
    if size < 1024:
        return "nothing" if not size else f"{size} bytes"
    amount = float(size)
    for unit in ("KB", "MB", "GB"):
        amount /= 1024
        if amount < 1023.5 or unit == "GB":
            break
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"
