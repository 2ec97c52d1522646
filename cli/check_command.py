"""`image-curation check`: everything that applies to a folder, as a report and a table, with conditions that fail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.base.files import new_file
from ..core.embeddings.choose_model import AUTO
from ..core.images.folder_layout import LEVELS
from . import baseline, conditions
from .check import check_folder, kinds
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
    parser.add_argument("folder", help="folder of images, sub-folders included")
    parser.add_argument("--fail-on", metavar="CONDITIONS", help='such as "leaks>0, wrong_labels>1%%, unreadable>0"')
    parser.add_argument("--baseline", metavar="FILE", help="findings that are known and do not count")
    parser.add_argument("--write-baseline", metavar="FILE", help="write all findings as a baseline")
    parser.add_argument("--format", choices=FORMATS, default="text", help="of the report (text)")
    parser.add_argument("--out", metavar="FILE", help="write the report to a file")
    parser.add_argument("--table", metavar="FILE", help="write a row per image: .parquet, .csv or .json")
    parser.add_argument("--label-from", choices=LEVELS, default="parent", help="which folder is the class (parent)")
    parser.add_argument("--model", default=AUTO, help="that images are compared by (auto: the best on this machine)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(given: argparse.Namespace) -> int:
    """Check, write what was asked for, and judge."""
    wanted = conditions.parse(given.fail_on) if given.fail_on is not None else []
    out = writable("--out", given.out)
    table = writable("--table", given.table)
    if table is not None:
        check_kind("--table", table)
    kept = writable("--write-baseline", given.write_baseline)
    known = baseline.read(Path(given.baseline)) if given.baseline is not None else frozenset()
    with progress_bar(given.quiet) as progress:
        folder = ImageFolder.read(given.folder, given.label_from)
        checked = check_folder(folder, progress, given.model)
    new = baseline.new_only(checked.spots, known)
    verdicts = conditions.judged(wanted, checked, new)
    version = str(import_module("..", __package__).__version__)
    report = Report(str(given.folder), version, checked, new, given.baseline or "", verdicts)
    if table is not None:
        write_table(table, table_of(folder, checked.ran))
    if kept is not None:
        baseline.write(kept, checked.spots)
    _write(FORMATS[given.format](report), report, out)
    return report.exit_code


def _write(said: str, report: Report, out: Path | None) -> None:
    """The report to a file, and its headline to the terminal; or all of it to the terminal."""
    if out is None:
        sys.stdout.write(said)
        return
    with new_file(out) as part:
        part.write_text(said, "utf-8")
    print(f"{report.checked.summary['headline']}; written to {out}")
    for verdict in report.verdicts:
        print(f"Condition {verdict.said}")
