"""Wrong labels: ours against Cleanlab on a cross-validated probe, on human noise (CIFAR-10N) and on planted noise.

Columns of the vectors handed to contestants: the embeddings, then the given and the true class. A solution is a pair:
how bad each label is, and which are flagged. Variants of ours were compared by their mean on planted
noise drawn with other seeds than here; the human noise did not enter that mean, but its figures were seen.

python benchmarks/label_issues.py            every data set, one seed
python benchmarks/label_issues.py seeds      three seeds of the folds and of the planted noise
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
from common import ROOT, Contestant, main, over_seeds, recorded
from probe import cifar10n, scikit, split


def planted_module() -> Any:
    """The tests' synthetic sets: classes that hold concepts that hold samples."""
    spec = importlib.util.spec_from_file_location("planted", ROOT / "tests" / "core" / "planted.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["planted"] = module
    spec.loader.exec_module(module)
    return module


def planted(kind: str, share: float, seed: int = 77) -> Any:
    """(3000 or more, 258) synthetic vectors with planted noise; `copied` errors come with near copies of their rows."""
    module = planted_module()
    base = module.clean(3000, 256, spread=2.5, seed=seed)
    if kind == "copied":
        data = module.with_copies(module.with_noise(base, "symmetric", share, seed), 0.1, 3, seed)
    else:
        data = module.with_noise(base, kind, share, seed)
    return np.column_stack([data.x, data.given, data.true]).astype(np.float32)


def ours(table: Any, preset: str = "balanced", probabilities: str = "consensus", seed: int = 51) -> tuple[Any, Any]:
    """`find_label_issues`, with its graph built from nothing."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.labels.find_label_issues import LabelIssuesParams, find_label_issues

    x, given, _ = split(table)
    inputs = Inputs(n=len(x), embeddings=x, labels=GivenLabels.of([f"{code:02d}" for code in given]))
    params = LabelIssuesParams(embeddings="vectors", preset=preset, probabilities=probabilities, seed=seed)
    values = find_label_issues(inputs, params, silent).values
    return 1 - values["quality"], values["is_issue"]


def cleanlab(table: Any, seed: int = 0) -> tuple[Any, Any]:
    """Cleanlab's defaults on scikit-learn's 5-fold probe: self-confidence, and confident learning's flags."""
    from cleanlab.filter import find_label_issues

    _, given, _ = split(table)
    probabilities = scikit(table, (0.001,), 1, seed)
    return 1 - probabilities[np.arange(len(given)), given], find_label_issues(given, probabilities, n_jobs=1)


def score(table: Any, solution: tuple[Any, Any]) -> dict[str, float]:
    """Average precision of the ranking; F1, precision and recall of the flags."""
    from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

    _, given, true = split(table)
    wrong, (badness, flagged) = given != true, solution
    return {
        "average precision": float(average_precision_score(wrong, badness)),
        "F1": float(f1_score(wrong, flagged)),
        "precision": float(precision_score(wrong, flagged)),
        "recall": float(recall_score(wrong, flagged)),
    }


CONTESTANTS = {
    "Cleanlab on 5-fold logistic regression": Contestant(cleanlab),
    "ours": Contestant(ours),
    "ours, conservative": Contestant(lambda table: ours(table, "conservative")),
    "ours, broad": Contestant(lambda table: ours(table, "broad")),
    "ours, probe only": Contestant(lambda table: ours(table, probabilities="probe")),
    "ours, neighbors only": Contestant(lambda table: ours(table, probabilities="neighbors")),
}
HUMAN = {labels: lambda seed=0, labels=labels: cifar10n(labels) for labels in ("aggre", "random1", "worst")}
PLANTED = {
    f"{kind} {share:.0%}": lambda seed=0, kind=kind, share=share: planted(kind, share, 77 + seed)
    for kind, share in [
        *((kind, share) for kind in ("symmetric", "pair", "instance") for share in (0.1, 0.3)),
        ("copied", 0.08),
    ]
}

if __name__ == "__main__":
    with recorded(__file__):
        if sys.argv[1:] == ["seeds"]:
            over_seeds(
                {"Cleanlab": cleanlab, "ours": lambda table, seed: ours(table, seed=seed)}, HUMAN | PLANTED, score
            )
        else:
            main("Label issues", CONTESTANTS, HUMAN | PLANTED, score)
