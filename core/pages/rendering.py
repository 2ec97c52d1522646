"""Pages from the templates in `templates/`: no script, nothing fetched, fit for paper. What they show is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..base.curves import CurveLine
from ..base.number_text import number

COLORS = ("#d4590a", "#2b6cb0", "#14763d", "#8a4fa0")  # of solid lines, in order; told apart in gray by their weight
GRAY = "#8a94a3"
MARGIN = 34


def rendered(template: str, **values: Any) -> str:
    """The page that a template makes of these values."""
    return _environment().get_template(template).render(values)


def chart(lines: Sequence[CurveLine], width: int = 280, height: int = 130) -> Markup:
    """Values over sizes, as an SVG; a bar through a point is its interval, and a line of one point is a dot."""
    sizes = [n for line in lines for n in line["sizes"]]
    values = [v for line in lines for part in (line["values"], line.get("low"), line.get("high")) for v in part or ()]
    first, last, low, high = min(sizes), max(sizes), min(values), max(values)

    def across(n: float) -> str:
        return f"{MARGIN + (width - MARGIN - 6) * (n - first) / max(1, last - first):.1f}"

    def down(value: float) -> str:
        return f"{6 + (height - 26) * (1 - (value - low) / ((high - low) or 1)):.1f}"

    drawn = [
        {
            "color": color,
            "dashed": line.get("dashed"),
            "points": [(across(n), down(value)) for n, value in zip(line["sizes"], line["values"], strict=True)],
            "bars": [
                (across(n), down(least), down(most))
                for n, least, most in zip(line["sizes"], line.get("low") or (), line.get("high") or (), strict=False)
            ],
        }
        for line, color in zip(lines, colors_of(lines), strict=True)
    ]
    ends = {"first": first, "last": last, "low": low, "high": high}
    return Markup(rendered("chart.svg", lines=drawn, width=width, height=height, margin=MARGIN, **ends))


def colors_of(lines: Sequence[CurveLine]) -> list[str]:
    """Gray where chance drew a line; the others have a color each."""
    solid = [line["name"] for line in lines if not line.get("dashed")]
    return [GRAY if line.get("dashed") else COLORS[solid.index(line["name"]) % len(COLORS)] for line in lines]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "count": "{:,}".format,
        "percent": lambda value, digits=0: f"{value:.{digits}%}",
    }
    made.globals |= {"chart": chart}
    return made
