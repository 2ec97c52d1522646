"""The demo: digits, pieces of photographs, or a folder of your own, through the starter recipe and into the App.

Run by `make demo`. It reads its settings from the environment: SET (digits or photographs), IMAGES (a folder instead),
HEADLESS=1 (end after the recipe), RESET=1 (build the data set anew), PORT (of the App).
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import home

if TYPE_CHECKING:
    import fiftyone as fo
    from image_curation.dataset.demo import Truth
    from image_curation.dataset.runs.record import Run

NAME = "curator-demo"


def main() -> int:
    """Make or reuse the data set, say what was found, open the App."""
    images, which = os.environ.get("IMAGES", ""), os.environ.get("SET", "") or "digits"
    if which not in ("digits", "photographs"):
        print(f"SET must be digits or photographs; got {which!r}.", file=sys.stderr)
        return 1
    if images and not Path(images).expanduser().is_dir():
        print(f"IMAGES must be a folder that exists; got {images!r}.", file=sys.stderr)
        return 1
    headless = os.environ.get("HEADLESS", "") not in ("", "0")
    port = 0 if headless else home.choose_port(os.environ.get("PORT"))
    folder = home.move_in()
    print("Starting FiftyOne and its database ...", flush=True)

    from image_curation.core.base.params import ParamError

    try:
        if images:
            dataset = on_images(Path(images).expanduser().resolve())
        else:
            dataset = (on_photographs if which == "photographs" else on_digits)(folder / which)
    except ParamError as error:
        print(f"The demo stopped: {str(error).rstrip('.')}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; `make demo` goes on where it stopped.", file=sys.stderr)
        return 130
    if not headless:
        from app import show

        show(dataset, port)
    return 0


def on_digits(folder: Path) -> fo.Dataset:
    """The digits with planted errors: announced, imported, run through both recipes, and compared with the truth."""
    import image_curation
    from image_curation.dataset import demo

    progress = Steps()
    truth = demo.ensure_demo(folder, progress=progress)
    progress.end()
    counts = ", ".join(f"{count} x {kind}" for kind, count in demo.count_planted(truth).items())
    print(f"{len(truth):,} image files in {folder / 'images'}, with errors planted: {counts}.")

    dataset, ready = find_or_make(NAME, folder)
    if not ready:
        imported = image_curation.import_images(dataset, directory=str(folder / "images"), progress=progress)
        demo.keep_truth(dataset, folder, truth)
        progress.end()
        print_import(imported)
        for recipe in ("starter", "digits"):
            image_curation.run_recipe(dataset, recipe, progress=progress)
            progress.end()
        mark_ready(dataset)
    print_runs(dataset)
    print("\nPlanted, and found:")
    for line in compare(dataset, folder, truth):
        print(f"  {line}")
    print()
    return dataset


def on_photographs(folder: Path) -> fo.Dataset:
    """Pieces of free photographs with planted errors: announced, imported, judged, and compared with the truth."""
    import image_curation
    from image_curation.dataset import demo

    progress = Steps()
    truth = demo.ensure_photographs(folder, progress=progress)
    progress.end()
    counts = ", ".join(f"{count} x {kind}" for kind, count in demo.count_planted(truth).items())
    print(
        f"{len(truth):,} image files in {folder / 'images'}: pieces of {len(demo.PHOTOGRAPHS)} photographs that "
        f"scikit-image and scikit-learn ship, each a class of its own, with errors planted: {counts}."
    )
    dataset, ready = find_or_make("curator-photographs", folder)
    if not ready:
        imported = image_curation.import_images(dataset, directory=str(folder / "images"), progress=progress)
        demo.keep_truth(dataset, folder, truth)
        progress.end()
        print_import(imported)
        image_curation.run_recipe(dataset, "starter", progress=progress)
        progress.end()
        check(dataset, progress)
        mark_ready(dataset)
    print_runs(dataset)
    print("\nPlanted, and found:")
    for line in compare(dataset, folder, truth):
        print(f"  {line}")
    print_check(dataset)
    return dataset


def check(dataset: fo.Dataset, progress: Steps) -> None:
    """Everything that applies is judged; runs that hold are kept."""
    import image_curation

    image_curation.act(dataset, "check_dataset", progress=progress)
    progress.end()


def print_check(dataset: fo.Dataset) -> None:
    """What the check found, a line a finding; the Curation panel shows the same page."""
    import image_curation

    found = [run for run in image_curation.list_runs(dataset) if run.method == "check_dataset" and run.status == "done"]
    if found:
        print(f"\n{found[-1].headline}")
        for issue in found[-1].facts.get("issues", ()):
            print(f"  {issue['count']:>6,}  {issue['title']}: {issue['said']}")
        print("The same stands on the page Check of the panel Curation, with the pictures.\n")


def on_images(folder: Path) -> fo.Dataset:
    """A folder of the user's: every step of the starter recipe that fits the data."""
    import image_curation
    from image_curation.core.base.params import ParamError
    from image_curation.dataset.actions.recipes import load_recipe

    dataset, ready = find_or_make(
        "curator-" + (re.sub(r"\W+", "-", folder.name).strip("-").lower() or "images"), folder
    )
    if not ready:
        progress = Steps()
        imported = image_curation.import_images(dataset, directory=str(folder), progress=progress)
        progress.end()
        print_import(imported)
        steps = load_recipe("starter")
        for number, step in enumerate(steps, 1):

            def said(done: int, total: int, doing: str = "", place: str = f"step {number} of {len(steps)}") -> None:
                progress(done, total, doing.replace("step 1 of 1", place))

            one = {"steps": [{"method": step.method, "key": step.key, "params": dict(step.params)}]}
            try:
                image_curation.run_recipe(dataset, one, progress=said)
            except ParamError as error:  # no labels, fewer images than representatives: the other steps still help
                progress.end()
                print(f"Left out {step.method}: {error}")
        progress.end()
        check(dataset, progress)
        mark_ready(dataset)
    print_runs(dataset)
    print_check(dataset)
    return dataset


def find_or_make(name: str, folder: Path) -> tuple[fo.Dataset, bool]:
    """The demo's dataset of that name, and whether it is complete. RESET=1 deletes it first."""
    import fiftyone as fo

    base, number = name, 1
    while fo.dataset_exists(name) and fo.load_dataset(name).info.get("demo_folder") != str(folder):
        number += 1
        name = f"{base}-{number}"  # another folder of the same name
    if fo.dataset_exists(name) and os.environ.get("RESET", "") not in ("", "0"):
        fo.delete_dataset(name)
        print(f"Deleted the dataset {name!r} to build it anew; the image files stay.")
    if not fo.dataset_exists(name):
        dataset = fo.Dataset(name, persistent=True)
        dataset.info["demo_folder"] = str(folder)
        dataset.save()
        return dataset, False
    dataset = fo.load_dataset(name)
    ready = bool(dataset.info.get("demo_ready"))
    how = "is used as it stands (RESET=1 make demo builds it anew)" if ready else "was not finished; going on with it"
    print(f"The dataset {name!r} {how}.")
    return dataset, ready


def mark_ready(dataset: fo.Dataset) -> None:
    """Remember that the recipe ran through."""
    dataset.info["demo_ready"] = True
    dataset.save()


def print_import(imported: Mapping[str, Any]) -> None:
    """What came in, and which files could not be read."""
    print(f"{imported['headline']}.")
    for said in imported["unreadable_files"]:
        print(f"  unreadable: {said}")


def print_runs(dataset: fo.Dataset) -> None:
    """One line for each run: what it found, and in how many seconds."""
    import image_curation

    print(f"\nRuns on {dataset.name!r} ({len(dataset):,} samples):")
    runs = [run for run in image_curation.list_runs(dataset) if run.status == "done"]
    for run in runs:
        print(f"  {run.key:<18}{run.facts.get('seconds', 0):7.1f} s  {run.headline}")
    print(f"  {'together':<18}{sum(run.facts.get('seconds', 0) for run in runs):7.1f} s")


def compare(dataset: fo.Dataset, folder: Path, truth: Sequence[Truth]) -> list[str]:
    """How much of what was planted the methods found, a line each; only what really was."""
    import image_curation
    from image_curation.dataset.demo import COPY, DAMAGED, FLIPPED, NEAR_COPY

    runs = {run.key: run for run in image_curation.list_runs(dataset) if run.status == "done"}
    rows = {os.path.relpath(path, folder / "images"): row for row, path in enumerate(dataset.values("filepath"))}
    planted = {
        kind: [one for one in truth if one.planted == kind and one.path in rows]
        for kind in (FLIPPED, COPY, NEAR_COPY, DAMAGED)
    }
    named = dataset.values("import_error")
    noticed = sum(bool(named[rows[one.path]]) for one in planted[DAMAGED])
    lines = [f"damaged files    {noticed} of {len(planted[DAMAGED])} named on import"]
    if "label_issues" in runs:
        flagged = dataset.values(runs["label_issues"].writes["is_issue"])
        lines.append("flipped labels   " + _recovered(flagged, [rows[one.path] for one in planted[FLIPPED]]))
    if "neighbors" in runs:
        lines += [
            f"{kind.replace('copy', 'copies'):<17}" + _partners(dataset, runs["neighbors"], rows, planted[kind])
            for kind in (COPY, NEAR_COPY)
        ]
    if "duplicates" in runs:
        lines.append("copies           " + _grouped(dataset, runs["duplicates"], rows, planted))
    if "zero_shot" in runs:
        lines.append("zero-shot tags   " + _tagged(dataset, runs["zero_shot"], rows, truth))
    return lines


def _recovered(flagged: Sequence[bool | None], planted: Sequence[int]) -> str:
    found = sum(bool(flagged[row]) for row in planted)
    total = sum(map(bool, flagged))
    return (
        f"{found} of {len(planted)} among the {total} flagged by find_label_issues: "
        f"recall {found / len(planted):.2f}, precision {found / max(total, 1):.2f}"
    )


def _partners(dataset: fo.Dataset, run: Run, rows: Mapping[str, int], copies: Sequence[Truth]) -> str:
    """How many copies have their original as nearest neighbor, and how alike the descriptor finds them."""
    ids = dataset.values("id")
    nearest = dataset.values(run.writes["ids"])
    similar = dataset.values(run.writes["similarities"])
    alike = [
        similar[rows[one.path]][0] for one in copies if (nearest[rows[one.path]] or [""])[0] == ids[rows[one.copy_of]]
    ]
    text = f"{len(alike)} of {len(copies)} have their original as nearest neighbor"
    return text + (f", at similarity {min(alike):.3f} to {max(alike):.3f}" if alike else "")


def _grouped(dataset: fo.Dataset, run: Run, rows: Mapping[str, int], planted: Mapping[str, Sequence[Truth]]) -> str:
    """How many copies find_duplicates put into one group with their original, of all that it thinks surplus."""
    from image_curation.dataset.demo import COPY, NEAR_COPY

    group, keep = dataset.values(run.writes["group"]), dataset.values(run.writes["keep"])
    shares = []
    for kind in (COPY, NEAR_COPY):
        pairs = [(group[rows[one.path]], group[rows[one.copy_of]]) for one in planted[kind]]
        found = sum(copy is not None and copy == original for copy, original in pairs)
        shares.append(f"{found} of {len(pairs)} {kind.replace('copy', 'copies')}")
    return f"{' and '.join(shares)} grouped by find_duplicates, {keep.count(False)} proposed to be dropped"


def _tagged(dataset: fo.Dataset, run: Run, rows: Mapping[str, int], truth: Sequence[Truth]) -> str:
    tags = dataset.values(f"{run.writes['tag']}.label")
    held_out = [one for one in truth if one.held_out and not one.copy_of and tags[rows[one.path]] is not None]
    right = sum(tags[rows[one.path]] == one.true_label for one in held_out)
    return f"{right / max(len(held_out), 1):.1%} right on the {len(held_out)} pictures that the tiny CLIP never saw"


class Steps:
    """Progress on the screen: what is being done and for how long, a line each; on a terminal it counts up."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._step = self._title = ""
        self._started = self._said = 0.0

    def __call__(self, done: int, total: int, doing: str = "") -> None:
        """A method's progress; `run_recipe` puts the step before a colon."""
        step, _, detail = doing.partition(": ")
        now = time.monotonic()
        if step != self._step:
            self.end()
            self._step, self._title = step, f"{step[:1].upper()}{step[1:]} ..."
            self._started, self._said = now, 0.0
            print(self._title, end="" if self._live else "\n", flush=True)
        if self._live and now - self._said > 0.2:
            self._said = now
            share = f"{done:,}/{total:,}" if total else ""
            line = f"{self._title} {now - self._started:.0f} s {detail} {share}"
            print(f"\r\033[K{line[:100]}", end="", flush=True)  # \033[K clears what was longer before

    def end(self) -> None:
        """Close the line of the step that has been going on, if any."""
        if self._step:
            seconds = time.monotonic() - self._started
            print(f"\r\033[K{self._title} {seconds:.1f} s" if self._live else f"  {seconds:.1f} s", flush=True)
            self._step = ""


if __name__ == "__main__":
    sys.exit(main())
