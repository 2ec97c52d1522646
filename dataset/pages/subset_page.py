"""The report on a subset as one HTML page: no script, nothing fetched, readable on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ...core.base.number_text import number
from ..runs.record import Run
from .page_parts import Line, chart, document

KINDS = {
    "missed": ("Missed", "The largest clusters without a sample in the subset."),
    "sparse": ("Sparse", "The clusters whose samples are least alike."),
    "dense": ("Dense", "The clusters whose samples are most alike."),
}


def page(dataset: str, reports: Sequence[Run], pictures: Mapping[str, str]) -> str:
    """The page.

    Args:
        dataset: its name.
        reports: the report, and another one to stand beside it, if any.
        pictures: id → data address of the pictures there are.
    """
    run = reports[0]
    facts = run.facts
    subset = str(run.params["subset"])
    parts = [
        f"<h1>{escape(subset)} in {escape(dataset)}</h1>",
        f"<p>{escape(run.headline)}.</p>",
        f'<p class="small">Measured {escape((run.finished or "")[:10])} on the embeddings '
        f"{escape(str(run.params['embeddings']))}, against {facts['seeds']} random subsets of the same size.</p>",
        "<h2>Against random subsets</h2>",
        _measures(reports),
        _curves(facts.get("curve") or [], facts["measures"]),
        "<h2>Clusters touched, by their size</h2>",
        _by_size(facts["by_cluster_size"]),
        _classes(facts.get("classes") or []),
        *(_clusters(kind, facts["clusters"][kind], pictures) for kind in KINDS),
    ]
    return document(f"{subset} in {dataset}", parts)


def _measures(reports: Sequence[Run]) -> str:
    names = [str(run.params["subset"]) for run in reports]
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in names)
    beside = [{one["name"]: one for one in run.facts["measures"]} for run in reports[1:]]
    rows = []
    for one in reports[0].facts["measures"]:
        others = "".join(
            f'<td class="number">{number(other[one["name"]]["value"]) if one["name"] in other else "–"}</td>'
            for other in beside
        )
        rows.append(
            f'<tr><td>{escape(one["said"])} <span class="small">({one["best"]} is good)</span></td>'
            f'<td class="number">{number(one["value"])}</td>{others}'
            f'<td class="number">{number(one["random_mean"])} ± {number(one["random_spread"])}</td>'
            f'<td class="{one["verdict"]}">{one["verdict"]}</td></tr>'
        )
    return f'<table><tr><th>Measure</th>{head}<th class="number">Random</th><th></th></tr>' + "".join(rows) + "</table>"


def _curves(points: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]]) -> str:
    if len(points) < 2:
        return ""
    drawn = [
        f"<figure>{_curve(points, one['name'])}<figcaption>{escape(one['said'])}</figcaption></figure>"
        for one in measures
        if all(one["name"] in point["subset"] for point in points)
    ]
    return (
        "<h2>Over the size of the subset</h2><p class='small'>Every prefix of the order of choice is a subset; "
        "dashed: random subsets of that size, mean and spread.</p><div class='curves'>" + "".join(drawn) + "</div>"
    )


def _curve(points: Sequence[Mapping[str, Any]], name: str) -> str:
    return chart([line_of(points, name, which, which) for which in ("random", "subset")])


def line_of(points: Sequence[Mapping[str, Any]], measure: str, which: str, name: str) -> Line:
    """A measure along the curve, of the subset or of random subsets; these with one standard deviation either way.

    Args:
        which: "subset" or "random".
        name: what the line is called.
    """
    values = [point[which][measure] for point in points]
    line: dict[str, Any] = {
        "name": name,
        "dashed": which == "random",
        "sizes": [point["n"] for point in points],
        "values": values,
    }
    if which == "random" and all("spread" in point for point in points):  # earlier versions kept none
        spread = [point["spread"][measure] for point in points]
        line["low"] = [value - one for value, one in zip(values, spread, strict=True)]
        line["high"] = [value + one for value, one in zip(values, spread, strict=True)]
    return line


def _by_size(thirds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f"<tr><td>{one['clusters']:,} clusters of {one['smallest']:,} to {one['largest']:,} samples</td>"
        f'<td class="number">{one["touched"]:.0%}</td>'
        f'<td class="number">{one["random_touched"]:.0%} ± {one.get("random_spread", 0):.0%}</td></tr>'
        for one in thirds
    ]
    head = '<tr><th>Clusters</th><th class="number">Touched</th><th class="number">By random subsets</th></tr>'
    return f"<table>{head}{''.join(rows)}</table>"


def _classes(classes: Sequence[Mapping[str, Any]]) -> str:
    if not classes:
        return ""
    whole = sum(one["set"] for one in classes) or 1
    own = sum(one["subset"] for one in classes) or 1
    rows = [
        f"<tr><td>{escape(one['name'])}</td>"
        f'<td class="number">{one["subset"]:,} ({one["subset"] / own:.1%})</td>'
        f'<td class="number">{one["set"]:,} ({one["set"] / whole:.1%})</td><td class="number">{_random(one)}</td></tr>'
        for one in classes
    ]
    head = (
        '<tr><th>Class</th><th class="number">In the subset</th><th class="number">In the set</th>'
        '<th class="number">In random subsets</th></tr>'
    )
    return f"<h2>Classes</h2><table>{head}{''.join(rows)}</table>"


def _random(one: Mapping[str, Any]) -> str:
    """Samples of a class in random subsets; reports of earlier versions do not know."""
    return f"{number(one['random'])} ± {number(one['random_spread'])}" if "random" in one else "–"


def _clusters(kind: str, clusters: Sequence[Mapping[str, Any]], pictures: Mapping[str, str]) -> str:
    if not clusters:
        return ""
    title, said = KINDS[kind]
    rows = []
    for one in clusters:
        strip = "".join(f'<img alt="" src="{pictures[example]}">' for example in one["examples"] if example in pictures)
        rows.append(
            f'<tr><td class="strip">{strip}</td><td class="number">{one["chosen"]:,} of {one["size"]:,}</td>'
            f'<td class="number">{one["expected"]:g}</td><td class="number">{number(one["distance"])}</td></tr>'
        )
    head = (
        '<tr><th>Central samples</th><th class="number">Chosen</th><th class="number">Random would</th>'
        '<th class="number">Mean distance</th></tr>'
    )
    return f"<h2>{title} clusters</h2><p class='small'>{said}</p><table>{head}{''.join(rows)}</table>"
