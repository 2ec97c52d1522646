"""Brings the tables of the benchmark pages up to date from `results/*.json`. Run by `make docs`.

A page says where a table belongs, `<!-- table: <script> <id> -->`, and the words around it stay. The first table of
`README.md` is made of HEADLINES: which cells of which table, beside whom.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
PAGES = FOLDER.parent / "docs" / "benchmarks"
MARK = re.compile(r"(<!-- table: (\S+) (\S+) -->\n).*?(<!-- end of table -->)", flags=re.S)
FIRST = re.compile(r"(<!-- headlines: made by `make docs` -->\n).*?(<!-- end of headlines -->)", flags=re.S)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")


@dataclass(frozen=True)
class Headline:
    """One row of the table that a reader sees first.

    Attributes:
        table: the script and the id of its table.
        ours, peer: row and column of the cells that are compared, from 0.
        part: which number of a cell that holds several: of ours, of the peer's.
        page: in `docs/benchmarks`, with its anchor.
    """

    capability: str
    measure: str
    table: tuple[str, str]
    ours: tuple[int, int]
    peer: tuple[int, int]
    beside: str
    page: str
    part: tuple[int, int] = (0, 0)
    held_out: str = "no"


HEADLINES = (
    Headline(
        "embeddings",
        "images a second, ResNet18",
        ("throughput", "photos"),
        (5, 2),
        (3, 2),
        "FiftyOne",
        "embeddings.md#throughput",
        held_out="–",
    ),
    Headline(
        "neighbor graph",
        "CPU s, 100,000 × 512, recall .99",
        ("neighbors", "graph"),
        (2, 3),
        (2, 3),
        "pynndescent",
        "neighbors.md",
        part=(0, 1),
        held_out="–",
    ),
    Headline(
        "representatives",
        "CPU s, MNIST, k = 100, at 1.005 of the loss",
        ("representatives", "peers"),
        (0, 1),
        (0, 3),
        "FasterPAM",
        "representatives.md",
    ),
    Headline(
        "label issues",
        "average precision, human errors (CIFAR-10N aggre)",
        ("label_issues", "human-and-planted"),
        (0, 2),
        (0, 1),
        "Cleanlab",
        "label-issues.md",
    ),
    Headline(
        "copied label errors",
        "average precision, groups of 8",
        ("copied_errors", "copied"),
        (1, 5),
        (1, 2),
        "logistic regression, stratified folds",
        "label-issues.md#copied-errors",
    ),
    Headline(
        "sets of labels",
        "average precision, COCO",
        ("multilabel", "sets-of-labels"),
        (0, 1),
        (1, 1),
        "Cleanlab",
        "label-issues.md#sets-of-labels",
    ),
    Headline(
        "image files",
        "AUROC of blur, 4 px",
        ("quality", "blur"),
        (1, 5),
        (1, 5),
        "CleanVision",
        "quality.md",
        part=(0, 1),
    ),
    Headline(
        "copies",
        "near-duplicates found, CIFAR-10, at a higher precision",
        ("duplicates", "judged-pairs"),
        (0, 2),
        (1, 2),
        "FiftyOne Brain",
        "copies.md",
    ),
    Headline(
        "leaks",
        "near-duplicates found, CIFAR-10, at a higher precision",
        ("leaks", "judged-pairs"),
        (0, 3),
        (2, 3),
        "FiftyOne Brain",
        "copies.md#leaks",
    ),
    Headline(
        "outliers",
        "F1 of the flags, 60 photographs among CIFAR-10",
        ("outliers", "planted"),
        (6, 1),
        (6, 2),
        "Datalab",
        "quality.md#outliers",
        part=(1, 1),
        held_out="yes",
    ),
    Headline(
        "importance",
        "average precision for wrong labels (aggre)",
        ("importance", "attention"),
        (1, 8),
        (0, 8),
        "Cleanlab",
        "importance.md",
    ),
    Headline(
        "coreset of 1 %",
        "accuracy of a probe (aggre)",
        ("importance", "coresets"),
        (0, 4),
        (0, 2),
        "uniform sample",
        "importance.md#coresets",
        held_out="yes",
    ),
    Headline(
        "subset of 3 %",
        "accuracy, points above random, CIFAR-10",
        ("selection", "accuracy"),
        (6, 2),
        (0, 2),
        "k-means",
        "selection.md",
    ),
    Headline(
        "next batch",
        "accuracy after the first round, digits",
        ("active", "rounds"),
        (1, 2),
        (0, 2),
        "random",
        "selection.md#next-batch",
    ),
    Headline(
        "order",
        "CPU s after the graph, 6,000 × 512",
        ("order", "length"),
        (0, 6),
        (0, 4),
        "MLfix's loop",
        "selection.md#order",
        held_out="–",
    ),
    Headline(
        "probe",
        "CPU s, penalty chosen",
        ("probe", "probe"),
        (3, 1),
        (1, 1),
        "scikit-learn",
        "classifiers.md#probe",
        held_out="–",
    ),
)


def pages() -> dict[Path, str]:
    """Every page that holds tables of results, and its text with them brought up to date."""
    made = {path: with_tables(path.read_text()) for path in sorted(PAGES.glob("*.md"))}
    readme = FOLDER / "README.md"
    made[readme] = FIRST.sub(lambda found: found[1] + headlines() + found[2], readme.read_text())
    return made


def with_tables(text: str) -> str:
    """A page with every table replaced by what the results say now."""
    return MARK.sub(lambda found: found[1] + table(found[2], found[3]) + found[4], text)


def table(script: str, name: str) -> str:
    """A table of results in Markdown, and in a line how it was measured."""
    found = _results(script)["tables"][name]
    lines = ["| " + " | ".join(found["columns"]) + " |", "|---" * len(found["columns"]) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in found["rows"]]
    return "\n".join([*lines, "", f"*{_measured(found['measured'])}*", ""])


def headlines() -> str:
    """One row for each capability, from the cells that HEADLINES names."""
    lines = ["| capability | measured | ours | peer | | held out |", "|---|---|---|---|---|---|"]
    for one in HEADLINES:
        rows = _results(one.table[0])["tables"][one.table[1]]["rows"]
        ours = _number(rows[one.ours[0]][one.ours[1]], one.part[0])
        peer = _number(rows[one.peer[0]][one.peer[1]], one.part[1])
        name = f"[{one.capability}](../docs/benchmarks/{one.page})"
        lines.append(f"| {name} | {one.measure} | **{ours}** | {peer} | {one.beside} | {one.held_out} |")
    return "\n".join([*lines, ""])


def _results(script: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "results" / f"{script}.json").read_text())
    return found


def _number(cell: str, part: int) -> str:
    return NUMBER.findall(cell)[part]


def _measured(about: dict[str, Any]) -> str:
    words = []
    if not about.get("transcribed"):
        words += [about["machine"], ", ".join(f"{name} {version}" for name, version in about["versions"].items())]
    words += [f"{about[name]} {name if about[name] != 1 else name[:-1]}" for name in ("seeds", "runs") if name in about]
    if "load" in about:
        words.append(f"load {about['load']}")
    if "held_out" in about:
        held = about["held_out"]
        words.append(f"held out: {held if isinstance(held, str) else 'yes' if held else 'no'}")
    words.append(f"{'transcribed from' if about.get('transcribed') else 'at'} commit {about['commit']}")
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
