"""`image-curation check`: everything that applies to a folder, as a report and a table, with conditions that fail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.base.arrays import Progress
from ..core.base.files import new_file
from ..core.base.params import ParamError
from ..core.embeddings.choose_model import AUTO
from ..core.images.folder_layout import LEVELS
from . import baseline, conditions
from .check import Checked, check_folder, kinds
from .folder import ImageFolder
from .formats import as_json, html, junit, sarif, text
from .places import writable
from .progress import progress_bar
from .report import Report
from .table import check_kind, table_of, write_table

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": text.text,
    "json": as_json.text,
    "junit": junit.text,
    "html": html.text,
    "sarif": sarif.text,
}
TERMINAL = "-"  # in place of a file


def add(commands: Any) -> None:
    """Declare the command and its options."""
    names = ", ".join(kind.name for kind in kinds())
    parser = commands.add_parser(
        "check",
        help="find wrong labels, copies, leaks between splits, bad files, outliers and shortcuts",
        description="Check a folder of images. Classes and splits are read from its folders and metadata.csv.",
        epilog=f"Findings: {names}. All of a severity: serious, moderate, minor.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", nargs="?", help="folder of images, sub-folders included")
    parser.add_argument("--dataset", metavar="NAME", help="a FiftyOne dataset in place of a folder")
    parser.add_argument("--fail-on", metavar="CONDITIONS", help='such as "leaks>0, wrong_labels>1%%, unreadable>0"')
    parser.add_argument("--baseline", metavar="FILE", help="findings that are known and do not count")
    parser.add_argument("--write-baseline", metavar="FILE", help="write all findings as a baseline")
    parser.add_argument(
        "--format", choices=FORMATS, action="append", help="of the report (text); several, in the order of --out"
    )
    parser.add_argument("--out", metavar="FILE", action="append", help="write the report to a file; - prints it")
    parser.add_argument("--table", metavar="FILE", help="write a row per image: .parquet, .csv or .json")
    parser.add_argument("--label-from", choices=LEVELS, default="parent", help="which folder is the class (parent)")
    parser.add_argument("--model", default=AUTO, help="that images are compared by (auto: the best on this machine)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(given: argparse.Namespace) -> int:
    """Check, write what was asked for, and judge."""
    wanted = conditions.parse(given.fail_on) if given.fail_on is not None else []
    written = _written(given.format or [], given.out or [])
    table = writable("--table", given.table)
    if table is not None:
        check_kind("--table", table)
    kept = writable("--write-baseline", given.write_baseline)
    known = baseline.read(Path(given.baseline)) if given.baseline is not None else frozenset()
    with progress_bar(given.quiet) as progress:
        checked = _checked(given, progress)
    new = baseline.new_only(checked.spots, known)
    verdicts = conditions.judged(wanted, checked, new)
    version = str(import_module("..", __package__).__version__)
    report = Report(str(given.folder or given.dataset), version, checked, new, given.baseline or "", verdicts)
    if table is not None:
        write_table(table, table_of(checked.folder, checked.ran))
    if kept is not None:
        baseline.write(kept, checked.spots)
    for form, out in written:
        if out is not None:
            with new_file(out) as part:
                part.write_text(FORMATS[form](report), "utf-8")
    printed = [form for form, out in written if out is None]
    if printed:
        sys.stdout.write(FORMATS[printed[0]](report))
        return report.exit_code
    print(f"{checked.summary['headline']}; written to {', '.join(str(out) for _, out in written)}")
    for verdict in verdicts:
        print(f"Condition {verdict.said}")
    return report.exit_code


def _checked(given: argparse.Namespace, progress: Progress) -> Checked:
    """The folder or the dataset, checked.

    Raises:
        ParamError: neither or both are given.
    """
    if (given.folder is None) == (given.dataset is None):
        raise ParamError("check needs a folder or --dataset NAME, and not both")
    if given.dataset is None:
        return check_folder(ImageFolder.read(given.folder, given.label_from), progress, given.model)
    from .dataset import check_dataset  # FiftyOne and its database are started by this only

    return check_dataset(given.dataset, progress)


def _written(formats: Sequence[str], files: Sequence[str]) -> list[tuple[str, Path | None]]:
    """Each form of the report with its file; None for the one that is printed.

    Raises:
        ParamError: more than one would be printed, there are more files than forms, or a file cannot be written.
    """
    forms = list(formats) or ["text"]
    outs = [*files, *[TERMINAL] * (len(forms) - len(files))]
    if len(outs) > len(forms) or outs.count(TERMINAL) > 1:
        raise ParamError(
            f"each --format must have its --out, but for one that is printed ({TERMINAL}); got {len(formats)} and "
            f"{len(files)}"
        )
    places = [None if out == TERMINAL else writable("--out", out) for out in outs]
    return list(zip(forms, places, strict=True))
