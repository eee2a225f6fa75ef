"""Numbers of whatever library, as Python's own."""

from numbers import Real


def plain(value: object) -> object:
    """A scalar of a numerical library, such as np.int64(8), as Python's own; all else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def real(value: object) -> float | None:
    """A number, of whatever library, to its own digits; None of what is none."""
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, Real):
        return None
    short = getattr(getattr(value, "dtype", None), "itemsize", 8) < 8
    try:
        # np.float32(0.1) is meant as 0.1, not as the double that it is nearest to
        return float(str(value)) if short and isinstance(found, float) else float(found)
    except OverflowError:  # a whole number that is larger than any float
        return None
