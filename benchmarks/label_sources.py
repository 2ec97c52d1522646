"""Who judges labels best: average precision for wrong labels of each source, on human label errors.

CIFAR-10N (Wei et al. 2022): 5,000 images, five sets of human labels, MobileNetV2 features; as a model's own
predictions the out-of-fold probabilities of scikit-learn's logistic regression. In the place of zero-shot tags, for
which there are no weights here, stands a network that never saw these labels: MobileNetV2's own output for ImageNet's
1,000 classes, the mean of those that are birds, dogs, ships … under CIFAR's name. It knows no deer, and with `all` it
keeps the hundreds of classes that are none of CIFAR's. MNIST: Cleanlab's published out-of-sample probabilities, and
100 flagged test images that people reviewed, 15 of them wrong: only those count.

    python benchmarks/label_sources.py [aggre] [random1] [random2] [random3] [worst] [mnist]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded
from probe import cifar10n, scikit, split

CIFAR = ("aggre", "random1", "random2", "random3", "worst")
OF_CIFAR = {  # ImageNet's classes by their first name, or the first and the last of a range
    "airplane": ("airliner", "warplane"),
    "automobile": (
        "beach wagon",
        "cab",
        "convertible",
        "jeep",
        "limousine",
        "minivan",
        "Model T",
        "racer",
        "sports car",
    ),
    "bird": (("cock", "great grey owl"), ("black grouse", "black swan"), ("white stork", "albatross")),
    "cat": (("tabby", "Egyptian cat"),),
    "dog": (("Chihuahua", "Mexican hairless"),),
    "frog": (("bullfrog", "tailed frog"),),
    "horse": ("sorrel",),
    "ship": (
        "aircraft carrier",
        "catamaran",
        "container ship",
        "fireboat",
        "lifeboat",
        "liner",
        "schooner",
        "speedboat",
    )
    + ("submarine", "trimaran", "yawl"),
    "truck": ("fire engine", "garbage truck", "moving van", "pickup", "police van", "tow truck", "trailer truck"),
}


def imagenet(features: Any, keep: bool) -> Any:
    """What MobileNetV2 says of CIFAR's classes; with `keep` of all others too.

    Args:
        features: (n, 1280), the network's input to its last layer.
    """
    from image_curation.core.base.columns import LabelValues

    with np.load(SHARED / "weights" / "mobilenet_v2_imagenet_int8.npz", allow_pickle=False) as arrays:
        last = max(int(name[1:]) for name in arrays.files if name[0] == "w")
        weights, zero, scale, bias = (arrays[f"{kind}{last}"].astype(np.float32) for kind in "wzsb")
    weights = (weights.reshape(len(bias), -1) - zero.reshape(-1, 1)) * scale.reshape(-1, 1)
    lines = (SHARED / "weights" / "imagenet_labels_1001.txt").read_text().splitlines()
    known = [line.split(",")[0] for line in lines]
    logits = features @ weights.T + bias
    names, columns, used = [], [], {0}
    for name, members in OF_CIFAR.items():
        ends = [(one, one) if isinstance(one, str) else one for one in members]
        own = [at for first, end in ends for at in range(known.index(first), known.index(end) + 1)]
        names.append(name)
        columns.append(np.logaddexp.reduce(logits[:, own], axis=1) - np.log(len(own)))  # or all would be dogs
        used |= set(own)
    if keep:
        others = [at for at in range(len(known)) if at not in used]
        names += [f"{known[at]} ({at})" for at in others]
        columns += list(logits[:, others].T)
    made = np.stack(columns, axis=1).astype(np.float32)
    return LabelValues(tuple(names), made.argmax(axis=1), np.full(len(made), np.nan), made)


def predicted(names: tuple[str, ...], probabilities: Any) -> Any:
    """Probabilities as predictions."""
    from image_curation.core.base.columns import LabelValues

    logits = np.log(np.maximum(probabilities, 1e-9)).astype(np.float32)
    return LabelValues(names, probabilities.argmax(axis=1), probabilities.max(axis=1), logits)


def quality(source: str, judges: Mapping[str, Any], x: Any, given: Any, names: tuple[str, ...]) -> Any:
    """Quality of each label by one source, NaN for what it cannot judge; `judges` join it."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.labels.find_label_issues import LabelIssuesParams, find_label_issues

    labels = GivenLabels.of([names[int(code)] for code in given])
    inputs = Inputs(n=len(x), embeddings=x, labels=labels, named={"predictions": tuple(judges.values())})
    params = LabelIssuesParams(probabilities=source, predictions=tuple(judges))
    return find_label_issues(inputs, params, silent).values["quality"]


def compare(
    title: str, x: Any, given: Any, wrong: Any, rows: Any, probabilities: Any, names: tuple[str, ...], other: Any
) -> None:
    """A row of the table per source.

    Args:
        other: further judges, name → predictions.
    """
    from sklearn.metrics import average_precision_score

    print(f"\n### {title}: {int(wrong.sum()):,} wrong of {len(rows):,}\n")
    print("| source | average precision | judged | CPU s |\n|---|---|---|---|")
    plain = probabilities[np.arange(len(given)), given.astype(int)]
    score = average_precision_score(wrong, 1 - plain[rows])
    print(f"| the model's probability of the label, as it is | {score:.3f} | {len(rows):,} | |")
    model = {"the model": predicted(names, probabilities)}
    sources: list[tuple[str, dict[str, Any]]] = [("predictions", model), ("probe", {}), ("neighbors", {})]
    sources += [("consensus", {}), ("consensus", model)]
    sources += [(source, {name: made}) for name, made in other.items() for source in ("predictions", "consensus")]
    for source, judges in sources:
        began = time.process_time()
        found = quality(source, judges, x, given, names)[rows]
        seconds = time.process_time() - began
        judged = np.isfinite(found)
        score = average_precision_score(wrong, 1 - np.nan_to_num(found, nan=1.0))
        if not judged.all():
            score_of_judged = average_precision_score(wrong[judged], 1 - found[judged])
        shown = f"{score:.3f}" + ("" if judged.all() else f" ({score_of_judged:.3f} among the judged)")
        said = ", ".join([source, *judges])
        print(f"| {said} | {shown} | {judged.sum():,} | {seconds:.1f} |", flush=True)


def run_cifar(labels: str) -> None:
    """Human labels of CIFAR-10N."""
    table = cifar10n(labels)
    x, given, true = split(table)
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        names = tuple(str(name) for name in arrays["class_names"])
    other = {"ImageNet": imagenet(x, False), "ImageNet, all": imagenet(x, True)}
    wrong, model = given != true, scikit(table, (0.001,), 1)
    compare(f"CIFAR-10N {labels}", x, given, wrong, np.arange(len(x)), model, names, other)


def run_mnist() -> None:
    """Reviewed MNIST test images."""
    with np.load(SHARED / "label_errors" / "mnist_test.npz", allow_pickle=False) as arrays:
        data = {name: arrays[name] for name in arrays.files}
    x = data["images"].reshape(len(data["images"]), -1).astype(np.float32) / 255
    wrong, rows, names = data["reviewed_is_error"], data["reviewed_index"], tuple("0123456789")
    compare("MNIST", x, data["labels"], wrong, rows, data["pred_probs"], names, {})


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        print(f"## Sources of label issues\n\n{machine()}")
        for name in sys.argv[1:] or (*CIFAR, "mnist"):
            run_mnist() if name == "mnist" else run_cifar(name)
