"""Writes the pages that follow from the declarations: methods, actions, models, the manifest. Run by `make docs`.

Each page is text that this file makes and `tests/docs` compares with what is committed. Only declarations are read, so
no database is opened.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import re
from pathlib import Path

os.environ.setdefault("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1/")  # nothing here asks it anything

from checkout import load_package

load_package()

import format_table
from image_curation.core.base.method import Method
from image_curation.core.base.params import REQUIRED, ROLES, Domain, Params, domains
from image_curation.core.catalog import METHODS
from image_curation.core.embeddings.models.catalog import ENGINES
from image_curation.dataset import zoo_engine as zoo_engine
from image_curation.dataset.actions.action import Action
from image_curation.dataset.actions.catalog import ACTIONS
from image_curation.operators.activity import ASKED
from image_curation.operators.one_click import CLICKS
from image_curation.panels.curation.status import NAME as STATUS

ROOT = Path(__file__).resolve().parent.parent
DOCS, MANIFEST = ROOT / "docs", ROOT / "fiftyone.yml"
MODELS = DOCS / "reference" / "models.md"
FORMATS = DOCS / "reference" / "formats.md"
METHOD_PAGES = DOCS / "reference" / "methods"
TABLE = "<!-- table: made by `make docs` -->", "<!-- end of table -->"
MADE = "<!-- Made by `make docs` from the declaration in the code; edit that instead. -->"
STAGES = {
    "understand": "Understand: see what the set holds",
    "clean": "Clean: find what is wrong",
    "select": "Select: choose what matters",
}


def pages() -> dict[Path, str]:
    """Every generated page: where it lies, and its text."""
    made = {
        METHOD_PAGES / "README.md": methods_page(),
        DOCS / "reference" / "actions.md": _actions_page(),
        MODELS: with_table(MODELS.read_text(), _models_table()),
        FORMATS: with_table(FORMATS.read_text(), format_table.page()),
        MANIFEST: manifest(MANIFEST.read_text()),
    }
    return made | {METHOD_PAGES / f"{method.name}.md": method_page(method) for method in METHODS}


def method_page(method: Method) -> str:
    """All that is declared of one method: parameters, fields, sources."""
    lines = [
        f"# {method.label}",
        "",
        MADE,
        "",
        *_paragraphs(method.params),
        f"In the App: **{method.label}**, stage *{method.stage}*. In Python: "
        f'`image_curation.curate(dataset, "{method.name}")`. As an operator: `@image-curation/curator/{method.name}`.',
        "",
    ]
    if guides := _guides(method.name):
        lines += [f"Shown in use: {', '.join(guides)}.", ""]
    main = {name: domain for name, domain in domains(method.params).items() if not domain.advanced}
    rare = {name: domain for name, domain in domains(method.params).items() if domain.advanced}
    lines += ["## Parameters", "", *_parameters(main), ""]
    if rare:
        lines += ["### Advanced", "", "Folded away in the App's form; the defaults suit most sets.", ""]
        lines += [*_parameters(rare), ""]
    lines += ["## Fields", "", *_fields(method), ""]
    lines += ["## Version", "", f"{method.version}. It grows when the meaning of the output changes; runs of an older"]
    lines += ["version are then shown as out of date.", ""]
    if method.cite:
        lines += ["## Source", "", *(f"- {_linked(source)}" for source in method.cite.split("; ")), ""]
    return "\n".join(lines)


def with_table(text: str, table: str) -> str:
    """A page with its table brought up to date; the words around it stay."""
    begin, end = TABLE
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def manifest(text: str) -> str:
    """The manifest with its list of operators brought up to date; FiftyOne drops names that it does not list."""
    before, rest = text.split("operators:\n")
    after = rest[rest.index("panels:") :]
    names = [
        *(one.name for one in METHODS),
        *(one.name for one in ACTIONS),
        *(one.name for one in CLICKS),
        *ASKED,
        STATUS,
    ]
    return before + "operators:\n" + "".join(f"  - {name}\n" for name in names) + after


def methods_page() -> str:
    """The list of all methods, stage by stage."""
    lines = ["# Methods", "", MADE, ""]
    lines += ["A method reads a dataset or view and writes fields and a run record. Each has a page.", ""]
    for stage, title in STAGES.items():
        lines += [f"## {title}", "", "| method | what it does | default key |", "|---|---|---|"]
        lines += [
            f"| [`{method.name}`]({method.name}.md) | {_cell(method.help)} | `{method.key}` |"
            for method in METHODS
            if method.stage == stage
        ]
        lines += [""]
    return "\n".join(lines)


def _actions_page() -> str:
    lines = ["# Actions", "", MADE, ""]
    lines += [
        "What is not a method: importing, deciding, saving, exporting. In the App every action is an operator.",
        'In Python `image_curation.act(dataset, "<action>", ...)` runs it and returns a summary with a `headline`.',
        "",
        "| action | what it does |",
        "|---|---|",
    ]
    lines += [f"| [`{action.name}`](#{action.name}) | {_cell(action.help)} |" for action in ACTIONS]
    lines += [""]
    for action in ACTIONS:
        lines += _action(action)
    return "\n".join(lines)


def _action(action: Action) -> list[str]:
    lines = [f"## {action.name}", "", f"In the App: **{action.label}**.", "", *_paragraphs(action.params)]
    if guides := _guides(action.name, "../"):
        lines += [f"Shown in use: {', '.join(guides)}.", ""]
    return [*lines, *_parameters(domains(action.params)), ""]


def _models_table() -> str:
    rows = ["| engine | good at | such as | numbers | weights | their licence |", "|---|---|---|---|---|---|"]
    rows += [
        f"| `{entry.name}` | {entry.good_at} | {', '.join(f'`{model}`' for model in entry.models) or 'yours'} "
        f"| {entry.dim} | {entry.size} | {entry.licence} |"
        for entry in ENGINES.values()
    ]
    return "\n".join(rows)


def _parameters(declared: dict[str, Domain]) -> list[str]:
    if not declared:
        return ["None."]
    rows = ["| parameter | default | may be | meaning |", "|---|---|---|---|"]
    for name, domain in declared.items():
        rows.append(f"| `{name}` | {_default(domain)} | {_cell(_values(domain))} | {_cell(domain.help)} |")
    return rows


def _default(domain: Domain) -> str:
    if domain.default is REQUIRED:
        return "*required*"
    if domain.default is None or domain.default == ():
        return "–"
    if isinstance(domain.default, bool):
        return str(domain.default).lower()
    if domain.many and domain.among and set(domain.default) == set(domain.among):
        return "all"
    if domain.many:
        return ", ".join(f"`{_cell(str(value))}`" for value in domain.default)
    return f"`{_cell(str(domain.default))}`"


def _values(domain: Domain) -> str:
    if domain.reads is None:
        return domain.describe()
    words = ROLES[domain.reads]
    return ("one or more, each " if domain.many else "") + words + (", or empty" if domain.optional else "")


def _fields(method: Method) -> list[str]:
    if not method.writes:
        return ["No fields: what it found stands in the run's record, in `facts`."]
    rows = [f"Under the default key `{method.key}`; with another key they begin with that.", ""]
    rows += ["| field | holds | meaning | good end |", "|---|---|---|---|"]
    for column in method.writes:
        kind = getattr(column.type, "__name__", str(column.type)).lower()
        words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
        if not isinstance(column.type, type):
            kind = str(column.type)
        held = words.get(kind, kind) + (
            ""
            if not column.optional
            else ", for each label of a list"
            if column.on_labels
            else ", with some parameters only"
        )
        rows.append(f"| `{column.field(method.key)}` | {held} | {_cell(column.description)} | {column.best or ''} |")
    return rows


def _paragraphs(params: type[Params]) -> list[str]:
    paragraphs = [" ".join(paragraph.split()) for paragraph in (params.__doc__ or "").split("\n\n")]
    return [line for paragraph in paragraphs if paragraph for line in (paragraph, "")]


def _guides(name: str, up: str = "../../") -> list[str]:
    found = []
    for path in sorted((DOCS / "guides").glob("*.md")):
        text = path.read_text()
        if re.search(rf'["`]{name}["`]', text):
            found.append(f"[{text.splitlines()[0].removeprefix('# ')}]({up}guides/{path.name})")
    return found


def _linked(source: str) -> str:
    source = re.sub(r"(?<![/\w])doi:(10\.\S+)", r"https://doi.org/\1", source)
    return re.sub(r"(?<![/\w])arXiv:(\d{4}\.\d{5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", source)


def _cell(text: str) -> str:
    """Text that a table's cell can hold: no line breaks, bars or tags."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
