"""Boxes: a planted overlooked, a swapped and a badly placed one are found, and odd boxes stop nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenBoxes, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.labels.find_detection_issues import DetectionIssuesParams, find_detection_issues, usable


def boxes(rows: list[list[tuple[str, tuple[float, float, float, float]]] | None], sure: float = 0.99) -> GivenBoxes:
    """Boxes of images, each a list of (class, left-top-width-height); None for an image without the field."""
    flat = [(row, name, box) for row, own in enumerate(rows) for name, box in own or ()]
    names = tuple(sorted({name for _, name, _ in flat}))
    return GivenBoxes(
        names,
        np.array([row for row, _, _ in flat], dtype=np.int64),
        np.array([names.index(name) for _, name, _ in flat], dtype=np.int64),
        np.array([box for _, _, box in flat], dtype=np.float64).reshape(-1, 4),
        np.full(len(flat), sure),
        np.array([own is not None for own in rows]),
    )


def run(given: Any, predicted: Any) -> Columns:
    inputs = Inputs(n=len(given), named={"label_field": boxes(given), "predictions": boxes(predicted)})
    return find_detection_issues(inputs, DetectionIssuesParams(), silent)


LEFT, RIGHT = (0.1, 0.1, 0.25, 0.4), (0.6, 0.5, 0.3, 0.3)
FINE = [("cat", LEFT), ("dog", RIGHT)]


def test_find_detection_issues__planted() -> None:
    given: list[Any] = [list(FINE) for _ in range(20)]
    given[3] = [("cat", LEFT)]  # the dog is overlooked
    given[7] = [("dog", LEFT), ("dog", RIGHT)]  # the cat is called a dog
    given[11] = [("cat", (0.2, 0.35, 0.25, 0.4)), ("dog", RIGHT)]  # the cat's box is off
    found = run(given, [list(FINE) for _ in range(20)])
    assert np.flatnonzero(found.values["is_issue"]).tolist() == [3, 7, 11]
    kinds = found.values["kinds"]
    assert "overlooked" in kinds[3]
    assert "swapped" in kinds[7]
    assert "badly_located" in kinds[11]
    assert kinds[0] == []
    assert found.values["overlooked"].argmin() in (3, 7)
    assert found.values["badly_located"].argmin() in (7, 11)
    assert sorted(np.argsort(found.values["quality"])[:3].tolist()) == [3, 7, 11]
    assert found.values["boxes"][7][0] < found.values["boxes"][7][1]
    assert found.facts["headline"].startswith("3 of 20 images probably have wrong boxes")
    assert {row["class"]: row["boxes"] for row in found.facts["classes"]} == {"cat": 19, "dog": 20}


def test_find_detection_issues__odd_boxes() -> None:
    """Outside the image, of no area, not finite; images without boxes, without the field, without predictions."""
    given: list[Any] = [
        [("cat", (-0.2, 0.1, 0.5, 0.5)), ("cat", (1.5, 1.5, 0.2, 0.2)), ("dog", RIGHT)],
        [("cat", (0.3, 0.3, 0.0, 0.4)), ("cat", (float("nan"), 0, 0.1, 0.1))],
        [],
        None,
        list(FINE),
        list(FINE),
    ]
    found = run(given, [[("cat", (0, 0.1, 0.3, 0.5)), ("dog", RIGHT)], [], [], list(FINE), None, list(FINE)])
    assert found.rows is not None
    assert found.rows.tolist() == [True, True, True, False, False, True]
    assert found.facts["label_boxes_without_area"] == 3
    assert [len(own) if own is not None else None for own in found.values["boxes"]] == [3, 2, 0, None, None, 2]
    assert found.values["boxes"][0][1] == 0
    assert found.values["boxes"][1] == [0, 0]
    for kind in ("quality", "overlooked", "swapped", "badly_located"):
        assert np.isfinite(found.values[kind][found.rows]).all()
    cut = usable(boxes(given))
    assert cut.boxes[0] == pytest.approx([0, 0.1, 0.3, 0.5])


def test_find_detection_issues__nothing_to_compare() -> None:
    with pytest.raises(ParamError, match="label_field must hold at least one box"):
        run([[], []], [list(FINE), list(FINE)])
    with pytest.raises(ParamError, match="predictions must hold at least one box"):
        run([list(FINE), list(FINE)], [[], []])


def test_find_detection_issues__starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process forked from one with threads may hang, and holds on to its connections."""

    def fork() -> int:
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", fork)
    run([list(FINE)] * 3, [list(FINE)] * 3)


def test_find_detection_issues__as_cleanlab_flags_them_and_without_a_child_process() -> None:
    """Cleanlab's own function forks a pool of processes, so it is asked in a process of its own."""
    root = Path(__file__).resolve().parents[3]
    code = f"""
        import os, sys
        sys.path.insert(0, {str(root / "scripts")!r})
        from checkout import load_package
        load_package()
        import numpy as np
        from image_curation.core.base.inputs import GivenBoxes
        from image_curation.core.labels import find_detection_issues as ours
        forks = []
        os.register_at_fork(before=lambda: forks.append(1))
        rng = np.random.default_rng(0)
        flagged = 0
        for n, classes in ((1, 1), (12, 2), (60, 3)):
            counts = rng.integers(0, 5, n)
            rows = np.repeat(np.arange(n), counts)
            box = np.concatenate([rng.random((len(rows), 2)) * .6, .1 + .3 * rng.random((len(rows), 2))], axis=1)
            codes, known = rng.integers(0, classes, len(rows)), np.ones(n, dtype=bool)
            names = tuple("abc"[:classes])
            left = rng.random(len(rows)) < .9  # the others are overlooked
            given = GivenBoxes(names, rows[left], codes[left], box[left], np.ones(left.sum()), known)
            sure, moved = np.round(.96 + .04 * rng.random(len(rows)), 3), box + rng.normal(0, .002, box.shape)
            seen = GivenBoxes(names, rows, np.where(rng.random(len(rows)) < .1, 0, codes), moved, sure, known)
            labels = ours.as_labels(given, names, np.arange(n))
            guesses = ours.as_predictions(seen, names, np.arange(n))
            found = ours._scores(labels, guesses)[2]
            assert not forks
            from cleanlab.object_detection.filter import _get_per_class_ap, find_label_issues
            if len(rows):
                assert (found == find_label_issues(labels, guesses)).all(), n
                theirs = _get_per_class_ap(labels, guesses)
                mean = ours.average_precision(labels, guesses)
                assert np.allclose([theirs[code] for code in range(classes)], .25 * mean, atol=1e-6)
            flagged += found.sum()
            forks.clear()
        print(flagged, "flagged", flush=True)
        os._exit(0)  # the pools that Cleanlab left
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.stdout.endswith(" flagged\n"), done.stderr
    assert int(done.stdout.split()[0]) > 5, done.stdout
