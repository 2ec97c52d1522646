"""Is `quality` a probability, do the presets keep their promise, and is nothing flagged where nothing can be told?

CIFAR-10N's human labels, clean parts of CIFAR-10, the same with weak vectors (noise added) and random ones. The
constants of `core/labels/calibration.py` were chosen with all of these in sight: no set here is held out.

    python benchmarks/calibration.py             writes benchmarks/results/calibration.json
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine

RESULTS = Path(__file__).resolve().parent / "results" / "calibration.json"


def sets() -> dict[str, tuple[Any, Any, Any]]:
    """Name → vectors, given classes, true classes."""
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        x, true = arrays["mobilenetv2"].astype(np.float32), arrays["clean"]
        found = {labels: (x, arrays[labels], true) for labels in ("aggre", "random1", "random2", "random3", "worst")}
    for n in (60, 100, 300, 1000):
        for seed in (0, 1, 2):
            rng = np.random.default_rng([n, seed])
            rows = np.concatenate(
                [rng.choice(np.flatnonzero(true == code), n // 10, replace=False) for code in range(10)]
            )
            noise = rng.normal(size=x[rows].shape).astype(np.float32)
            found[f"clean {n}, seed {seed}"] = x[rows], true[rows], true[rows]
            found[f"clean {n}, weak, seed {seed}"] = x[rows] + 6 * x.std() * noise, true[rows], true[rows]
            found[f"clean {n}, random, seed {seed}"] = noise, true[rows], true[rows]
    return found


def measure(x: Any, given: Any, true: Any) -> dict[str, Any]:
    """Calibration, ranking, flags of each preset, and the seconds of CPU."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.labels.find_label_issues import PRESETS, LabelIssuesParams, find_label_issues
    from image_curation.core.probes.metrics import average_precision, expected_calibration_error, reliability

    labels, began = GivenLabels.of([f"{code:02d}" for code in given]), time.process_time()
    inputs = Inputs(n=len(x), embeddings=x, labels=labels)
    found = find_label_issues(inputs, LabelIssuesParams(embeddings="vectors"), silent)
    seconds = time.process_time() - began
    quality, wrong = found.values["quality"], given != true
    result: dict[str, Any] = {
        "samples": len(x),
        "wrong": int(wrong.sum()),
        "expected": found.facts["expected_wrong"],
        "evidence": found.facts["evidence"],
        "strength": found.facts["evidence_strength"],
        "calibration_error": round(expected_calibration_error(quality, ~wrong), 4),
        "average_precision": average_precision(1 - quality, wrong),
        "flagged": {preset: found.facts["issues_by_preset"][preset] for preset in PRESETS},
        "cpu_seconds": round(seconds, 1),
        "reliability": reliability(quality, ~wrong),
    }
    issue = found.values["is_issue"]
    if issue.any():
        result["precision"] = float(wrong[issue].mean())
        result["F1"] = float(2 * (wrong & issue).sum() / (wrong.sum() + issue.sum()))
    return result


if __name__ == "__main__":
    load_package()
    RESULTS.parent.mkdir(exist_ok=True)
    results = {}
    for name, table in sets().items():
        results[name] = measure(*table)
        said = {key: value for key, value in results[name].items() if key not in ("reliability", "evidence")}
        print(f"{name}: {said}", flush=True)
    held = "none: constants were chosen with these sets in sight"
    record = {"machine": machine(), "seeds": [0, 1, 2], "held_out": held, "results": results}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
