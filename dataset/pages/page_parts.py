"""What reports as HTML pages are made of: the page, tables and charts. No script, nothing fetched, fit for paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ...core.base.number_text import number

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d2430; max-width: 980px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; margin-bottom: .1em; } h2 { font-size: 1.15em; margin: 2em 0 .4em; }
p.small, td.small, figcaption { color: #5c6675; font-size: .86em; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .3em .6em; border-bottom: 1px solid #e3e7ec; }
th { text-align: left; font-weight: 600; font-size: .86em; color: #5c6675; }
td.number { text-align: right; white-space: nowrap; }
.better { color: #14763d; font-weight: 600; } .worse { color: #b3261e; font-weight: 600; } .alike { color: #5c6675; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 1em; } figure { margin: 0; }
.strip img { height: 72px; margin: 0 3px 3px 0; border-radius: 3px; vertical-align: middle; }
"""
COLORS = ("#d4590a", "#2b6cb0", "#14763d", "#8a4fa0")  # of solid lines, in order; told apart in gray by their weight
GRAY = "#8a94a3"
MARGIN = 34

Line = Mapping[str, Any]  # "name", "sizes", "values", and where they are known "low" and "high", "dashed"


def document(title: str, parts: Sequence[str]) -> str:
    """The whole page; empty parts are left out."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


def chart(lines: Sequence[Line], width: int = 280, height: int = 130) -> str:
    """Values over sizes, as an SVG; a bar through a point is its interval, and a line of one point is a dot."""
    sizes = [n for line in lines for n in line["sizes"]]
    values = [v for line in lines for name in ("values", "low", "high") for v in line.get(name) or ()]
    first, last, low, high = min(sizes), max(sizes), min(values), max(values)

    def across(n: float) -> str:
        return f"{MARGIN + (width - MARGIN - 6) * (n - first) / max(1, last - first):.1f}"

    def down(value: float) -> str:
        return f"{6 + (height - 26) * (1 - (value - low) / ((high - low) or 1)):.1f}"

    drawn = []
    for line, color in zip(lines, colors_of(lines), strict=True):
        dashed = bool(line.get("dashed"))
        stroke = f'stroke="{color}" ' + ('stroke-dasharray="4 3"' if dashed else 'stroke-width="2"')
        points = list(zip(line["sizes"], line["values"], strict=True))
        if len(points) > 1:
            path = " ".join(f"{across(n)},{down(value)}" for n, value in points)
            drawn.append(f'<polyline points="{path}" fill="none" {stroke}/>')
        else:
            drawn.append(f'<circle cx="{across(points[0][0])}" cy="{down(points[0][1])}" r="3" fill="{color}"/>')
        for n, least, most in zip(line["sizes"], line.get("low") or (), line.get("high") or (), strict=False):
            drawn.append(
                f'<line x1="{across(n)}" x2="{across(n)}" y1="{down(least)}" y2="{down(most)}" stroke="{color}" '
                'opacity=".45"/>'
            )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" font-size="10" fill="#5c6675">{"".join(drawn)}'
        f'<text x="0" y="12">{number(high)}</text><text x="0" y="{height - 22}">{number(low)}</text>'
        f'<text x="{MARGIN}" y="{height - 4}">{first:,}</text>'
        f'<text x="{width - 4}" y="{height - 4}" text-anchor="end">{last:,} samples</text></svg>'
    )


def colors_of(lines: Sequence[Line]) -> list[str]:
    """Gray where chance drew a line; the others have a color each."""
    solid = [line["name"] for line in lines if not line.get("dashed")]
    return [GRAY if line.get("dashed") else COLORS[solid.index(line["name"]) % len(COLORS)] for line in lines]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers; its cells are HTML."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(f'<{tag} class="{"number" if place else ""}">{cell}</{tag}>' for place, cell in enumerate(cells))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(head, 'th')}</tr>{body}</table>"
