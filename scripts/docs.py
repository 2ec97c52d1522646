"""Writes the README's table of methods from their declarations: `make docs`."""

from __future__ import annotations

from pathlib import Path

from image_curation.core.catalog import METHODS
from image_curation.core.method import Method
from image_curation.core.params import domains
from image_curation.dataset.actions import ACTIONS

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- methods: made by `make docs` -->", "<!-- end of methods -->"


def table() -> str:
    """The methods with their parameters and columns, then the actions."""
    rows = ["| stage | method | what it does | main parameters | fields |", "|---|---|---|---|---|"]
    rows += [_row(method) for method in METHODS]
    rows += ["", "| action | what it does |", "|---|---|"]
    rows += [f"| `{action.name}` | {action.help} |" for action in ACTIONS]
    return "\n".join(rows)


def written(text: str) -> str:
    """The README with the table brought up to date."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(method: Method) -> str:
    params = ", ".join(f"`{name}`" for name, domain in domains(method.params).items() if not domain.advanced)
    fields = ", ".join(f"`{column.field(method.key)}`" for column in method.writes) or "facts of the run only"
    return f"| {method.stage} | `{method.name}` | {method.help} | {params} | {fields} |"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
