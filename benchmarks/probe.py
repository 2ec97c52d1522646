"""Out-of-fold probabilities of a linear probe: ours against scikit-learn's logistic regression, both in 5 folds.

Columns of the vectors handed to contestants: the embeddings, then the given and the true class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import SHARED, Contestant, main, recorded


def cifar10n(labels: str) -> Any:
    """(5000, 1282) MobileNetV2 features of CIFAR-10N, the given class and the true one."""
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        x, given, true = arrays["mobilenetv2"], arrays[labels], arrays["clean"]
    return np.column_stack([x.astype(np.float32), given, true]).astype(np.float32)


def split(table: Any) -> tuple[Any, Any, Any]:
    """Embeddings, given classes and true classes of a table of `cifar10n`."""
    return np.ascontiguousarray(table[:, :-2]), table[:, -2].astype(np.int64), table[:, -1].astype(np.int64)


def ours(table: Any) -> Any:
    """Our probe with its penalty chosen; near-duplicates are not looked for, since the peers do not."""
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.base.threads import blas_threads
    from image_curation.core.probes.linear_probe import out_of_fold

    x, given, _ = split(table)
    names = GivenLabels.of([f"{code:02d}" for code in given])
    with blas_threads(1):
        found = out_of_fold(Inputs(n=len(x), embeddings=x, labels=names), groups=np.arange(len(x)))
    return found.probabilities


def scikit(table: Any, penalties: tuple[float, ...], threads: int | None, seed: int = 0) -> Any:
    """Standardised logistic regression, the penalty chosen by log-loss within each fold if there are several."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    x, given, _ = split(table)
    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=penalties[0], max_iter=1000))
    if len(penalties) > 1:
        model = GridSearchCV(model, {"logisticregression__C": penalties}, cv=3)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    with threadpool_limits(threads):
        return cross_val_predict(model, x, given, cv=folds, method="predict_proba")


def scikit_plain(table: Any) -> Any:
    """Logistic regression as scikit-learn gives it, on the embeddings as they are, until it has converged."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    x, given, _ = split(table)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with threadpool_limits(1):
        return cross_val_predict(LogisticRegression(max_iter=5000), x, given, cv=folds, method="predict_proba")


def score(table: Any, probabilities: Any) -> dict[str, float]:
    """Accuracy on the true and on the given labels, and log-loss on the given ones."""
    _, given, true = split(table)
    likelihood = np.maximum(probabilities[np.arange(len(given)), given], 1e-9)
    return {
        "true accuracy": float((probabilities.argmax(axis=1) == true).mean()),
        "given accuracy": float((probabilities.argmax(axis=1) == given).mean()),
        "log-loss": float(-np.log(likelihood).mean()),
    }


CONTESTANTS = {
    "scikit-learn, C = 0.001": Contestant(lambda table: scikit(table, (0.001,), None)),
    "scikit-learn, C = 0.001, one BLAS thread": Contestant(lambda table: scikit(table, (0.001,), 1)),
    "scikit-learn, C of 5, one BLAS thread": Contestant(lambda table: scikit(table, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 1)),
    "scikit-learn, defaults, one BLAS thread": Contestant(scikit_plain),
    "ours, penalty chosen": Contestant(ours),
}
DATA = {labels: lambda labels=labels: cifar10n(labels) for labels in ("clean", "aggre", "random1", "worst")}

if __name__ == "__main__":
    with recorded(__file__):
        main("Probe: out-of-fold probabilities", CONTESTANTS, DATA, score)
