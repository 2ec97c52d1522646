"""`image-curation embed`, `select` and `split`: one method on a folder, its columns as a table.

Options are made from the declarations of the method's parameters, but for those that name something on a dataset.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.base.method import Method
from ..core.base.params import REQUIRED, Domain, Params, domains, roles
from ..core.catalog import method_named
from ..core.embeddings.choose_model import AUTO
from ..core.images.folder_layout import LEVELS
from .folder import ImageFolder
from .places import writable
from .progress import progress_bar
from .running import Ran, run_method
from .table import check_kind, table_of, write_table

EMBED = "compute_embeddings"
# parameters that say nothing of a folder
OF_DATASETS = ("store", "dtype", "reuse", "margin", "distributed", "shards", "most_per_group", "time_gap")


@dataclass(frozen=True)
class MethodCommand:
    """A command that runs one method.

    Attributes:
        name: as users type it.
        method: what it runs, after the images were embedded.
    """

    name: str
    method: Method

    def add(self, commands: Any) -> None:
        """Declare the command and its options."""
        parser = commands.add_parser(self.name, help=_first_small(self.method.help), description=self.method.help)
        parser.set_defaults(run=self.run)
        parser.add_argument("folder", help="folder of images, sub-folders included")
        parser.add_argument(
            "--table", metavar="FILE", required=True, help="a row per image is written: .parquet, .csv or .json"
        )
        parser.add_argument("--label-from", choices=LEVELS, default="parent", help="which folder is the class (parent)")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")
        if self.method.name != EMBED:
            parser.add_argument("--model", default=AUTO, help="that images are compared by (auto: the best here)")
        for parameter, domain in _options(self.method.params):
            _add_option(parser, parameter, domain)

    def run(self, given: argparse.Namespace) -> int:
        """Run the method and write the table."""
        params = {name: getattr(given, name) for name, _ in _options(self.method.params) if hasattr(given, name)}
        table = writable("--table", given.table)
        assert table is not None
        check_kind("--table", table)
        with progress_bar(given.quiet) as progress:
            folder = ImageFolder.read(given.folder, given.label_from)
            wanted = self.method.params.from_dict(params | _named(self.method, folder.there))
            ran: list[Ran] = []
            if self.method.name != EMBED:
                embed = method_named(EMBED)
                ran.append(run_method(folder, embed, embed.params.from_dict({"model": given.model}), progress))
            ran.append(run_method(folder, self.method, wanted, progress))
        write_table(table, table_of(folder, ran, vectors=self.method.name == EMBED))
        print(f"{ran[-1].headline}; written to {table}")
        return 0


COMMANDS = (
    MethodCommand("embed", method_named(EMBED)),
    MethodCommand("select", method_named("select_subset")),
    MethodCommand("split", method_named("split_dataset")),
)


def _options(params: type[Params]) -> Iterator[tuple[str, Domain]]:
    """The parameters that a command line can give."""
    for name, domain in domains(params).items():
        if domain.reads is None and name not in OF_DATASETS:
            yield name, domain


def _named(method: Method, there: Mapping[str, str | None]) -> dict[str, Any]:
    """The parameters that name what the folder has: its vectors and its classes."""
    known = domains(method.params)
    named = {name: there.get(role) for name, role in roles(method.params).items() if not known[name].many}
    return {name: value for name, value in named.items() if value is not None and known[name].reads != "annotations"}


def _add_option(parser: argparse.ArgumentParser, name: str, domain: Domain) -> None:
    usual = "" if domain.default in (REQUIRED, None, ()) else f" ({_shown(domain.default)})"
    options: dict[str, Any] = {
        "dest": name,
        "default": argparse.SUPPRESS,
        "help": (domain.help + usual).replace("%", "%%"),
    }
    if domain.type is bool:
        options["action"] = argparse.BooleanOptionalAction
    else:
        options["type"] = domain.type
        options["metavar"] = domain.mapping or name.upper()
        if domain.among:
            options["choices"] = domain.among
            options["metavar"] = None
        if domain.many:
            options["nargs"] = "+"
            options["type"] = str
    parser.add_argument(f"--{name.replace('_', '-')}", **options)


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _first_small(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:]
