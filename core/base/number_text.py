"""How numbers are written for people, in headlines, pages and panels: digits that a reader can use, never an exponent.

`panels/web/src/components/text.ts` has the same rule for what is written in the browser.
"""

from __future__ import annotations

import math


def number(value: float, scale: float = 1.0) -> str:
    """0.1234 → "0.123", 1234.5 → "1,234", 0.00012 → "< 0.001"; beside other small ones 0.00012 → "0.00012".

    Args:
        scale: size of the largest number it stands beside. Where that is below 0.01, two digits of small ones count,
            down to a millionth.
    """
    size, least = abs(value), 0.001 if abs(scale) >= 0.01 else 0.000001
    if not math.isfinite(value):
        return "–"
    if size >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    if size < least:
        bound = f"{least:.6f}".rstrip("0")
        return f"< {bound}" if value > 0 else f"> -{bound}"
    if size >= 0.001:
        return f"{value:#.3g}".removesuffix(".")
    return f"{value:.{1 - math.floor(math.log10(size))}f}"
