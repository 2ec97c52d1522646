"""Cleans a set of photographs by clicks alone, in the real App: counts the clicks and says what the last check found.

Pieces of the photographs that scikit-image and scikit-learn ship, each photograph a class, with wrong labels, copies
and leaks between the splits planted. A person who knows the pictures is played by the names of the files, which tell
the true class: a suggestion that is right is accepted, any other refused; of copies the proposed one is kept.

    DEMO_HOME=/tmp/cleanup python scripts/cleanup_by_clicks.py [pieces of each photograph, 36]
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import home
from browser import chromium, open_app, open_curation

NAME = "cleanup-by-clicks"
WRONG, COPIED, LEAKED = 0.035, 0.045, 0.012  # shares of the pieces
MOST = 1_000  # clicks
SUGGESTED = "xpath=//span[text()='Suggested']/following-sibling::p"
WAIT = 600_000  # milliseconds for a check, on a busy machine


def main() -> None:
    """Make the set, clean it, say what is left."""
    home.move_in()
    import fiftyone as fo
    import numpy as np

    number = int(sys.argv[1]) if len(sys.argv) > 1 else 36
    dataset, planted = make(home.HOME / NAME, number, np.random.default_rng(51))
    print(f"{len(dataset):,} pictures, planted: {planted}", flush=True)
    port = home.choose_port(None)
    session = home.launch(dataset, port)
    try:
        with chromium() as browser:
            clicks = clean(open_app(browser, home.address_of(dataset, port)))
    finally:
        session.close()
        fo.close_app()
    dataset.reload()
    report(dataset, clicks)


def make(folder: Path, number: int, rng: Any) -> tuple[Any, dict[str, int]]:
    """The set, written and imported anew; and what was planted."""
    import fiftyone as fo
    from image_curation.dataset import demo

    shutil.rmtree(folder, ignore_errors=True)
    if fo.dataset_exists(NAME):
        fo.delete_dataset(NAME)
    names = [name for name, _ in demo.PHOTOGRAPHS]
    samples: list[Any] = []

    def add(picture: Any, true: str, given: str, split: str, quality: int = 92) -> None:
        file = folder / f"{true}_{len(samples):05d}.jpg"
        picture.save(file, "JPEG", quality=quality)
        samples.append(fo.Sample(str(file), tags=[split], ground_truth=fo.Classification(label=given)))

    folder.mkdir(parents=True)
    pieces = []
    for name, source in demo.PHOTOGRAPHS:
        whole = demo._photograph(source)
        side = min(whole.size) // 4
        for _ in range(number):
            left, top = (int(rng.integers(most - side)) for most in whole.size)
            pieces.append((name, whole.crop((left, top, left + side, top + side)).resize((128, 128))))
    order = rng.permutation(len(pieces))
    wrong, copied, leaked = (round(share * len(pieces)) for share in (WRONG, COPIED, LEAKED))
    for place, row in enumerate(order.tolist()):
        true, picture = pieces[row]
        given = (
            names[(names.index(true) + 1 + int(rng.integers(len(names) - 1))) % len(names)] if place < wrong else true
        )
        split = "test" if place % 5 == 0 else "train"
        add(picture, true, given, split)
        if wrong <= place < wrong + copied:
            add(picture, true, true, split, quality=80)
        elif wrong + copied <= place < wrong + copied + leaked:
            add(picture, true, true, "train" if split == "test" else "test", quality=80)
    dataset = fo.Dataset(NAME, persistent=True)
    dataset.add_samples(samples, progress=False)
    return dataset, {"wrong labels": wrong, "copies": copied, "leaks": leaked}


def clean(page: Any) -> int:
    """Do what the Curation panel says is next until nothing of what was planted waits. Returns the clicks."""
    clicks = [2]  # the panel is opened by two

    def click(what: Any) -> None:
        what.click()
        clicks[0] += 1

    open_curation(page)
    while clicks[0] < MOST:
        step = page.get_by_role("region", name=re.compile("^(Next|Nothing)|is running$"))
        step.wait_for()
        title = step.get_attribute("aria-label") or ""
        print(f"{clicks[0]:>5} clicks  {title}", flush=True)
        if title.endswith("is running"):
            page.wait_for_timeout(3_000)
            continue
        button = step.get_by_role("button")
        if not button.count() or not re.search("check|labels that look wrong|copies", title):
            break
        click(button)
        if "check" in title:
            form = page.get_by_test_id("operators-prompt-modal")
            click(form.get_by_role("button", name="Execute").first)
            page.get_by_text("100%", exact=True).wait_for(timeout=WAIT)  # the dialog can be closed before the end
            click(page.get_by_role("button", name="Done"))
        else:
            review(page, click)
            click(page.get_by_test_id("panel-tab-@image-curation/curator/curation").first)
            click(page.get_by_role("button", name="Look again").first)
        page.wait_for_timeout(3_000)
    return clicks[0]


def review(page: Any, click: Any) -> None:
    """Decide about every card of a queue."""
    place = re.compile(r"(\d[\d,]*) of (\d[\d,]*) decided")
    while True:
        page.get_by_text(place).first.wait_for()
        before = page.get_by_text(place).first.inner_text()
        accept, keep = (page.get_by_role("button", name=re.compile(name)) for name in (r"\(A\)$", r"\(K\)$"))
        if not keep.count():
            return
        name, suggested = page.get_by_text(re.compile(r" · .*\.jpg$")), page.locator(SUGGESTED)
        right = True
        if suggested.count():  # one picture with a suggestion, no copies
            true = (name.first.get_attribute("title") or "").rsplit("/", 1)[-1].rsplit("_", 1)[0]
            right = suggested.first.inner_text() == true
        click(accept if accept.count() and right else keep)
        page.wait_for_function(
            "before => !document.body.innerText.includes(before)", arg=before.split(":")[0], timeout=60_000
        )


def report(dataset: Any, clicks: int) -> None:
    """The checks, and what is left of what was planted."""
    from image_curation import list_runs

    check = next(run for run in list_runs(dataset) if run.method == "check_dataset")
    for number, one in enumerate(check.facts["history"], 1):
        classifier = one.get("classifier")
        said = f"accuracy {classifier['accuracy']:.1%}" if classifier else ""
        print(f"check {number}: {one['n']:,} in use, found {one['found']}, undecided {one['left']} {said}")
    labels = "ground_truth_curated.label" if dataset.get_field("ground_truth_curated") else "ground_truth.label"
    used = dataset.match_tags("excluded", bool=False)
    paths, now = used.values(["filepath", labels])
    given = used.values("ground_truth.label")
    true = [Path(path).stem.rsplit("_", 1)[0] for path in paths]
    left = sum((one or was) != right for one, was, right in zip(now, given, true, strict=True))
    print(f"{clicks} clicks; wrong labels left: {left}; excluded: {len(dataset) - len(used)}; {check.headline}")


if __name__ == "__main__":
    main()
