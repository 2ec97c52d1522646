"""Who judges labels best: average precision for wrong labels of each source, on human label errors.

CIFAR-10N (Wei et al. 2022): 5,000 images, three sets of human labels, MobileNetV2 features; as a model's own
predictions the out-of-fold probabilities of scikit-learn's logistic regression. MNIST: Cleanlab's published
out-of-sample probabilities, and 100 flagged test images that people reviewed, 15 of them wrong: only those count.

    python benchmarks/label_sources.py [aggre] [random1] [worst] [mnist]
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from common import SHARED, load_package, machine
from probe import cifar10n, scikit, split

SOURCES = ("probe", "neighbors", "predictions", "consensus", "consensus and predictions")


def quality(source: str, x: Any, given: Any, probabilities: Any) -> Any:
    """Quality of each label by one source."""
    from image_curation.core.label_issues import LabelIssuesParams, find_label_issues
    from image_curation.core.method import GivenLabels, Inputs, LabelValues, silent

    names = tuple(f"{code:02d}" for code in range(probabilities.shape[1]))
    logits = np.log(np.maximum(probabilities, 1e-9)).astype(np.float32)
    made = LabelValues(names, probabilities.argmax(axis=1), probabilities.max(axis=1), logits)
    joins = "predictions" in source
    inputs = Inputs(
        n=len(x),
        embeddings=x,
        labels=GivenLabels.of([names[int(code)] for code in given]),
        named={"predictions": (made,)} if joins else {},
    )
    params = LabelIssuesParams(probabilities=source.split()[0], predictions=("model",) if joins else ())
    return find_label_issues(inputs, params, silent).values["quality"]


def compare(name: str, x: Any, given: Any, wrong: Any, rows: Any, probabilities: Any) -> None:
    """A row of the table per source."""
    from sklearn.metrics import average_precision_score

    print(f"\n### {name}: {int(wrong.sum()):,} wrong of {len(rows):,}\n")
    print("| source | average precision | CPU s |\n|---|---|---|")
    plain = probabilities[np.arange(len(given)), given.astype(int)]
    print(
        f"| the model's probability of the label, as it is | {average_precision_score(wrong, 1 - plain[rows]):.3f} | |"
    )
    for source in SOURCES:
        began = time.process_time()
        found = quality(source, x, given, probabilities)
        score = average_precision_score(wrong, 1 - np.nan_to_num(found[rows], nan=1.0))
        print(f"| {source} | {score:.3f} | {time.process_time() - began:.1f} |", flush=True)


def run_cifar(labels: str) -> None:
    """Human labels of CIFAR-10N."""
    table = cifar10n(labels)
    x, given, true = split(table)
    compare(f"CIFAR-10N {labels}", x, given, given != true, np.arange(len(x)), scikit(table, (0.001,), 1))


def run_mnist() -> None:
    """Reviewed MNIST test images."""
    with np.load(SHARED / "label_errors" / "mnist_test.npz", allow_pickle=False) as arrays:
        data = {name: arrays[name] for name in arrays.files}
    x = data["images"].reshape(len(data["images"]), -1).astype(np.float32) / 255
    compare("MNIST", x, data["labels"], data["reviewed_is_error"], data["reviewed_index"], data["pred_probs"])


if __name__ == "__main__":
    load_package()
    print(f"## Sources of label issues\n\n{machine()}")
    for name in sys.argv[1:] or ("aggre", "random1", "worst", "mnist"):
        run_mnist() if name == "mnist" else run_cifar(name)
