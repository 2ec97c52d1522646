"""Writes what follows from the declarations: the README's tables and the manifest's operators. Run by `make docs`."""

from __future__ import annotations

from pathlib import Path

from image_curation.core.base.method import Method
from image_curation.core.base.params import domains
from image_curation.core.catalog import METHODS
from image_curation.core.embeddings.models.catalog import ENGINES
from image_curation.dataset.actions.catalog import ACTIONS

ROOT = Path(__file__).resolve().parent.parent
README, MANIFEST = ROOT / "README.md", ROOT / "fiftyone.yml"
METHODS_TABLE = "<!-- methods: made by `make docs` -->", "<!-- end of methods -->"
ENGINES_TABLE = "<!-- engines: made by `make docs` -->", "<!-- end of engines -->"


def table() -> str:
    """The methods with their parameters and columns, then the actions."""
    rows = ["| stage | method | what it does | main parameters | fields |", "|---|---|---|---|---|"]
    rows += [_row(method) for method in METHODS]
    rows += ["", "| action | what it does |", "|---|---|"]
    rows += [f"| `{action.name}` | {action.help} |" for action in ACTIONS]
    return "\n".join(rows)


def engines() -> str:
    """The embedding engines, as each declares itself."""
    rows = ["| engine | good at | such as | numbers | weights | their licence |", "|---|---|---|---|---|---|"]
    rows += [
        f"| `{entry.name}` | {entry.good_at} | {', '.join(f'`{model}`' for model in entry.models) or 'yours'} "
        f"| {entry.dim} | {entry.size} | {entry.licence} |"
        for entry in ENGINES.values()
    ]
    return "\n".join(rows)


def written(text: str) -> str:
    """The README with its tables brought up to date."""
    for (begin, end), made in ((METHODS_TABLE, table()), (ENGINES_TABLE, engines())):
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}\n{made}\n{end}{after}"
    return text


def manifest(text: str) -> str:
    """The manifest with its list of operators brought up to date; FiftyOne drops names that it does not list."""
    before, rest = text.split("operators:\n")
    after = rest[rest.index("panels:") :]
    names = [method.name for method in METHODS] + [action.name for action in ACTIONS]
    return before + "operators:\n" + "".join(f"  - {name}\n" for name in names) + after


def _row(method: Method) -> str:
    params = ", ".join(f"`{name}`" for name, domain in domains(method.params).items() if not domain.advanced)
    fields = ", ".join(f"`{column.field(method.key)}`" for column in method.writes) or "facts of the run only"
    return f"| {method.stage} | `{method.name}` | {method.help} | {params} | {fields} |"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
    MANIFEST.write_text(manifest(MANIFEST.read_text()))
