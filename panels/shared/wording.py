"""How the panels write numbers, times and names: plain functions, so that every sentence can be tested."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ...core.base.number_text import number as number
from ...dataset.decisions.decisions import Decision
from .payloads import Fact

# Facts whose name alone would not tell a curator what they are; the others are named after their key.
FACT_NAMES = {
    "seconds": "Time taken",
    "peak_memory_mb": "Peak memory",
    "skipped": "Left out",
    "n": "Samples",
    "dim": "Numbers per vector",
    "text": "Can compare with text",
}
UNITS = {"seconds": "s", "peak_memory_mb": "MB"}
HIDDEN = ("headline", "versions", "text_encoder")
LONGEST_LIST = 12


def interval(low: float, high: float, least: float | None, largest: float | None) -> str:
    """A range of a score in words: "0.1 to 0.2"; "up to 0.2" where nothing is below, "0.1 and above" nothing above.

    Args:
        least, largest: the ends of what there is.
    """
    scale = max(abs(least or 0), abs(largest or 0)) or 1.0
    if largest is not None and high >= largest and not (least is not None and low <= least):
        return f"{number(low, scale)} and above"
    if least is not None and low <= least and not (largest is not None and high >= largest):
        return f"up to {number(high, scale)}"
    return f"{number(low, scale)} to {number(high, scale)}"


def samples(n: int, word: str = "sample") -> str:
    """1 → "1 sample", 1797 → "1,797 samples"."""
    return f"{n:,} {word}" + ("" if n == 1 else "s")


def share(part: float) -> str:
    """A part of a whole in percent: 0.964 → "96 %"; what is not all is never "100 %"."""
    return f"{100 if part >= 1 else min(99, round(100 * part))} %"


def taken_back(decision: Decision) -> str:
    """What undo did."""
    left = f"; {samples(decision.left, decision.word)} changed since and left as is" if decision.left else ""
    return f"Taken back: {decision.said}, on {samples(len(decision.ids), decision.word)}{left}."


def title(name: str) -> str:
    """A column's or fact's name as heading: "class_rank" → "Class rank", "is_issue" → "Issue", "n_pairs" → "Pairs"."""
    words = name.removeprefix("is_").removeprefix("n_").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) or not text else ".")


def ago(moment: str | None, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 time was: "just now", "3 minutes ago", "yesterday", "2026-01-31"."""
    if not moment:
        return ""
    then = datetime.fromisoformat(moment)
    seconds = ((now or datetime.now(timezone.utc)) - then).total_seconds()
    if seconds < 45:
        return "just now"
    for size, unit in ((60, "minute"), (3600, "hour")):
        count = round(seconds / size)
        if count < (60 if unit == "minute" else 24):
            return f"{max(1, count)} {unit}{'' if count <= 1 else 's'} ago"
    days = round(seconds / 86400)
    return "yesterday" if days <= 1 else f"{days} days ago" if days < 14 else then.date().isoformat()


def facts(found: Mapping[str, Any]) -> list[Fact]:
    """A run's facts as label and value, in plain words; what is no short value is left to the SDK."""
    rows: list[Fact] = []
    for name, value in found.items():
        text = None if name in HIDDEN else plain(value)
        if text:
            unit = f" {UNITS[name]}" if name in UNITS else ""
            rows.append({"label": FACT_NAMES.get(name, title(name)), "value": text + unit})
    return rows


def plain(value: Any) -> str | None:
    """A value in words; None for what has no short form."""
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value, abs(value))
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        parts = {name: plain(inner) for name, inner in value.items() if not isinstance(inner, (Mapping, list, tuple))}
        if len(parts) < len(value) or len(parts) > LONGEST_LIST:
            return None
        return ", ".join(f"{name.replace('_', ' ')}: {text}" for name, text in parts.items() if text) or None
    if isinstance(value, (list, tuple)):
        texts = [plain(inner) for inner in value[:LONGEST_LIST] if not isinstance(inner, (Mapping, list, tuple))]
        if len(texts) < min(len(value), LONGEST_LIST):
            return None
        more = f" … ({len(value):,} in all)" if len(value) > LONGEST_LIST else ""
        return ", ".join(text for text in texts if text) + more
    return None
