"""Which image files are dark, bright, blurry, plain, grey, oddly shaped or sized, or cannot be read at all.

Each check turns one property of the picture (`core/images/properties.py`) into a score in [0, 1], 1 for fine. Below a
threshold the image is flagged. The thresholds of brightness and shape are those of CleanVision
(https://github.com/cleanlab/cleanvision); that of sharpness was set by looking at photos of 500 pixels: none of 650
fell below it, nearly all did after a Gaussian blur of 8 pixels, and every second one after 4 pixels.

What is usual in a set is no issue of one image. Where a check would flag most of the set (scans are all bright, digits
all plain), it says so and flags only what stands out: scores below Tukey's far fence, 3 interquartile ranges below the
first quartile. Sizes have no absolute threshold at all and are always judged so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, param
from ..base.shared_params import ObjectParams
from ..images.glances import measure_files
from ..images.properties import Measured

FENCE = 3.0  # interquartile ranges: Tukey's "far out"


@dataclass(frozen=True)
class Check:
    """One way in which an image can be bad.

    Attributes:
        name: of the column and in `issues`.
        below: scores below this are issues, by default.
        score: measured properties → (n,) score in [0, 1], 1 fine; NaN for what cannot be judged.
        said: what the score is.
        rule: "absolute", unless most of the set is below; "relative", always compared with the set; "file", never.
    """

    name: str
    below: float
    score: Callable[[Measured], Array]
    said: str
    rule: str = "absolute"


def _sharpness(found: Measured) -> Array:
    """A picture in which nothing varies is plain, not blurry."""
    return np.asarray(np.where(found.readable, np.nan_to_num(found["sharpness"], nan=1.0), np.nan))


def _usual_size(found: Measured) -> Array:
    size = found["size"]
    usual = np.nanmedian(size) if found.readable.any() else np.nan
    return np.asarray(np.minimum(size / usual, usual / size))


def _whole(found: Measured, cut_short: bool) -> Array:
    return np.array(
        [float(error is None or error.is_cut_short != cut_short) for error in found.errors], dtype=np.float64
    )


CHECKS = (
    Check("dark", 0.32, lambda found: found["highlights"], "Brightness of the lightest parts (99th percentile)"),
    Check(
        "bright",
        0.05,
        lambda found: 1.0 - found["shadows"],
        "1 minus the brightness of the darkest parts (5th percentile)",
    ),
    Check("blurry", 0.45, _sharpness, "Sharpness: how much detail a blur would remove"),
    Check("low_information", 0.3, lambda found: found["information"], "Entropy of the gray levels, divided by 8 bits"),
    Check("grayscale", 0.03, lambda found: found["colour"], "Colorfulness of the most colorful parts"),
    Check("odd_aspect", 0.35, lambda found: 2.0 ** -np.abs(found["aspect"]), "Shorter side divided by longer side"),
    Check("odd_size", 0.5, _usual_size, "Size divided by the median size of the set, or the inverse", "relative"),
    Check("unreadable", 0.5, lambda found: _whole(found, False), "1 if the file is there and can be read", "file"),
    Check("truncated", 0.5, lambda found: _whole(found, True), "1 if the file does not end too early", "file"),
)
NAMES = tuple(check.name for check in CHECKS)


def _threshold(name: str) -> Any:
    usual = next(check.below for check in CHECKS if check.name == name)
    return param(
        None,
        f"Flag {name} scores below this; empty: {usual:g}, or what stands out",
        at_least=0,
        at_most=1,
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class QualityParams(ObjectParams):
    """Find images that are dark, bright, blurry, plain, gray, oddly shaped or sized, or that cannot be read."""

    checks: tuple[str, ...] = param(NAMES, "Checks to run", among=NAMES, suggest=NAMES)
    most: float = param(
        0.5,
        "A check that would flag more than this share flags only what stands out from the set",
        at_least=0,
        at_most=1,
    )
    dark_below: float | None = _threshold("dark")
    bright_below: float | None = _threshold("bright")
    blurry_below: float | None = _threshold("blurry")
    low_information_below: float | None = _threshold("low_information")
    grayscale_below: float | None = _threshold("grayscale")
    odd_aspect_below: float | None = _threshold("odd_aspect")
    odd_size_below: float | None = _threshold("odd_size")

    def check(self) -> None:
        """At least one check."""
        if not self.checks:
            raise ParamError(f"QualityParams.checks must name at least one of {', '.join(NAMES)}; got none")

    def given(self, name: str) -> float | None:
        """The threshold that the user set for a check."""
        value: float | None = getattr(self, f"{name}_below", None)
        return value


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes:
        score: (n,) in [0, 1], NaN where the image could not be judged.
        flagged: (n,) bool.
        threshold: scores below it are flagged.
        share: of the judged images, how many are below the threshold that the check starts from.
        usual: that share was more than `most`, so that only what stands out is flagged.
    """

    score: Array
    flagged: Array
    threshold: float
    share: float
    usual: bool = False


def find_quality_issues(inputs: Inputs, params: QualityParams, progress: Progress) -> Columns:
    """Measure every file once and run the checks on what was measured. Columns as declared in `METHOD`."""
    began = time.perf_counter()
    found = measure_files(inputs.paths, progress, inputs.shared)
    seconds = time.perf_counter() - began
    chosen = [check for check in CHECKS if check.name in params.checks]
    verdicts = {check.name: judge(check, check.score(found), params) for check in chosen}
    issues = [[name for name, verdict in verdicts.items() if verdict.flagged[row]] for row in range(inputs.n)]
    columns: dict[str, Any] = {
        "is_issue": np.array([bool(names) for names in issues], dtype=bool),
        "issues": issues,
        **{name: verdict.score for name, verdict in verdicts.items()},
    }
    if not found.readable.all():
        columns["error"] = [None if error is None else str(error) for error in found.errors]
    return Columns(columns, _facts(verdicts, columns["is_issue"]) | {"images_per_second": round(inputs.n / seconds, 1)})


def judge(check: Check, score: Array, params: QualityParams) -> Verdict:
    """Flag the scores that one check takes for issues.

    Args:
        score: (n,) in [0, 1]; NaN is never flagged.
    """
    judged = score[np.isfinite(score)]
    given = params.given(check.name)
    start = check.below if given is None else given
    share = float((judged < start).mean()) if len(judged) else 0.0
    usual = given is None and check.rule == "absolute" and share > params.most
    threshold = start
    if given is None and (usual or check.rule == "relative") and len(judged):
        threshold = min(start, far_fence(judged))
    return Verdict(score, np.nan_to_num(score, nan=1.0) < threshold, threshold, share, usual)


def far_fence(score: Array) -> float:
    """First quartile minus 3 interquartile ranges: scores below it stand out from the set (Tukey 1977)."""
    low, high = np.quantile(score, [0.25, 0.75])
    return float(low - FENCE * (high - low))


def _facts(verdicts: dict[str, Verdict], is_issue: Array) -> Facts:
    counts = {name: int(verdict.flagged.sum()) for name, verdict in verdicts.items()}
    usual = {name: verdict.share for name, verdict in verdicts.items() if verdict.usual}
    names = {name: name.replace("_", " ") for name in verdicts}
    ordered = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    headline = f"{int(is_issue.sum()):,} of {len(is_issue):,} images have a quality issue"
    if ordered:
        headline += ": " + ", ".join(f"{counts[name]:,} {names[name]}" for name in ordered)
    if usual:
        headline += f"; usual in this set, so not flagged: {', '.join(names[name] for name in usual)}"
    return {
        "headline": headline,
        "issues": int(is_issue.sum()),
        "issues_by_check": counts,
        "thresholds": {name: round(verdict.threshold, 4) for name, verdict in verdicts.items()},
        "share_below": {name: round(verdict.share, 4) for name, verdict in verdicts.items()},
        "usual": [
            f"{share:.0%} of the images are {names[name]}: usual in this set, so only those that stand out are flagged"
            for name, share in usual.items()
        ],
    }


METHOD = Method(
    name="find_quality_issues",
    version=1,
    label="Find quality issues",
    stage="clean",
    key="quality",
    params=QualityParams,
    run=find_quality_issues,
    reads=("paths",),
    writes=(
        Column("is_issue", bool, "At least one check flags the image", role="mark"),
        Column("issues", list[str], "The checks that flag the image", group=True, role="checks"),
        *(
            Column(check.name, float, f"{check.said}, in [0, 1]", best="high", optional=True, role="check")
            for check in CHECKS
        ),
        Column("error", str, "Why the image could not be read", optional=True, role="problem"),
    ),
    finding=Finding(
        "Bad files",
        "moderate",
        "Dark, bright, blurry, plain, oddly shaped or sized, damaged or unreadable.",
        one="Bad file",
    ),
    cite="Crete et al. 2007, https://doi.org/10.1117/12.702790 (blurry); "
    "CleanVision, https://github.com/cleanlab/cleanvision (dark, bright, odd_aspect)",
)
