"""What curating is for: accuracy on a trusted hold-out against the cleanliness and the size of what was learned from.

On CIFAR-10N, whose wrong labels people made: half of the images with their true labels are the hold-out; from the
other half a classifier learns with the labels as given, with those that `find_label_issues` suspects left out or
relabelled, with as many left out at random, and with the true ones; and all of that for growing shares of the half.

    python benchmarks/classifier.py             the curve
    python benchmarks/classifier.py --photos    linear and fine-tuned classifiers on ants and bees
    python benchmarks/classifier.py --speed     pictures per second of each explanation
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine

SHARES = (0.25, 1.0)
SEEDS = (0,)


def curve(labels: str) -> None:
    """Print the table for one of the human label sets."""
    from image_curation.core.logistic import Design
    from image_curation.core.probe import unit_rows

    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        x, given, true = (
            arrays["mobilenetv2"].astype(np.float32),
            arrays[labels].astype(int),
            arrays["clean"].astype(int),
        )
    design = Design.of(unit_rows(x))
    rows: dict[str, list[list[float]]] = {}
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(x))
        hold_out, pool = order[: len(x) // 2], order[len(x) // 2 :]
        for place, share in enumerate(SHARES):
            some = pool[: round(share * len(pool))]
            for name, (kept, codes) in variants(x, given, true, some, seed).items():
                accuracy = learned(design, kept, codes, hold_out, true)
                rows.setdefault(name, [[] for _ in SHARES])[place].append(accuracy)
    print(
        f"\n### {labels}: {np.mean(given != true):.1%} of the labels wrong; {len(x) // 2:,} trusted images held out\n"
    )
    print("| learned from | " + " | ".join(f"{round(share * len(x) / 2):,} images" for share in SHARES) + " |")
    print("|---" * (len(SHARES) + 1) + "|")
    for name, found in rows.items():
        cells = [f"{100 * np.mean(one):.1f} ± {100 * np.std(one):.1f}" for one in found]
        print(f"| {name} | " + " | ".join(cells) + " |")


def variants(x: Any, given: Any, true: Any, some: Any, seed: int) -> dict[str, tuple[Any, Any]]:
    """Name → rows to learn from and their labels."""
    from image_curation.core.label_issues import LabelIssuesParams, find_label_issues
    from image_curation.core.method import GivenLabels, Inputs, silent

    inputs = Inputs(n=len(some), embeddings=x[some], labels=GivenLabels.of([str(code) for code in given[some]]))
    found = find_label_issues(inputs, LabelIssuesParams(), silent).values
    issue = np.asarray(found["is_issue"], dtype=bool)
    suggested = [int(name) if name is not None else -1 for name in found["suggested"]]
    mended = np.where(issue & (np.array(suggested) >= 0), suggested, given[some])
    fewer = np.random.default_rng(seed).permutation(len(some))[: int((~issue).sum())]
    return {
        "labels as given": (some, given[some]),
        "suspects left out": (some[~issue], given[some][~issue]),
        "suspects relabelled": (some, mended),
        "as many left out at random": (some[fewer], given[some][fewer]),
        "true labels": (some, true[some]),
    }


def learned(design: Any, rows: Any, codes: Any, hold_out: Any, true: Any) -> float:
    """Accuracy on the hold-out of a linear classifier whose penalty was chosen by cross-validation inside."""
    from image_curation.core.classifier import ClassifierParams, Task, _linear
    from image_curation.core.folds import stratified_folds
    from image_curation.core.method import silent
    from image_curation.core.nested import cross_validate

    everywhere = np.zeros(len(true), dtype=int)
    everywhere[rows] = codes
    fold = np.full(len(true), -1)
    fold[rows] = stratified_folds(codes, np.arange(len(rows)), 4, seed=0)
    task = Task(tuple("0123456789"), everywhere, fold >= 0)
    fit, penalties = _linear(design, task, ClassifierParams())
    nested = cross_validate(fit, penalties, everywhere, fold, 4, 10, silent)
    return float((nested.logits[hold_out].argmax(axis=1) == true[hold_out]).mean())


def photos() -> None:
    """Linear classifiers on MobileNetV2 vectors of ants and bees, and a MobileNetV2 fine-tuned on the pictures."""
    from image_curation.core.classifier import ClassifierParams, train_classifier
    from image_curation.core.finetune import FinetuneParams, finetune_classifier
    from image_curation.core.method import GivenLabels, Inputs, silent

    folder = SHARED / "hymenoptera"
    with np.load(folder / "embeddings_mobilenetv2.npz", allow_pickle=False) as arrays:
        paths, vectors = [str(folder / one) for one in arrays["paths"]], arrays["emb"].astype(np.float32)
    names = GivenLabels.of([Path(one).parent.name for one in paths])
    inputs = Inputs(n=len(paths), paths=paths, embeddings=vectors, labels=names)
    print(
        "\n| ants and bees, 398 photographs | accuracy, 95 % interval | calibration error | CPU s |\n|---|---|---|---|"
    )
    for model in ("linear", "mlp"):
        _row(model, lambda model=model: train_classifier(inputs, ClassifierParams(model=model), silent))
    weights = photo_weights()
    for epochs in (0, 3):
        params = FinetuneParams(
            model="torchvision:mobilenet_v2", weights=weights, epochs=epochs, folds=4, side=160, embeddings="embeddings"
        )
        _row(
            f"fine-tuned, {epochs} passes of all layers, 160 px",
            lambda p=params: finetune_classifier(inputs, p, silent),
        )


def _row(name: str, run: Any) -> None:
    began = time.process_time()
    facts = run().facts
    low, high = facts["accuracy_interval"]
    spent = time.process_time() - began
    print(
        f"| {name} | {facts['accuracy']:.1%} ({low:.1%} to {high:.1%}) | {facts['calibration_error']:.3f} "
        f"| {spent:.0f} |",
        flush=True,
    )


def photo_weights() -> str:
    """The MobileNetV2 beside the project as a checkpoint of torchvision's, its folded normalisations made explicit.

    It was trained with TensorFlow's padding, which torchvision's convolutions of stride 2 do not have: features are
    a pixel off.
    """
    import importlib.util
    import tempfile

    import torch
    from image_curation.core.networks import build

    folder = SHARED / "weights"
    spec = importlib.util.spec_from_file_location("mobilenet_v2", folder / "mobilenet_v2.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = module.load(str(folder / "mobilenet_v2_imagenet_int8.npz")).state_dict()
    ours = build("torchvision:mobilenet_v2", 1001)
    layers = [part for part in ours.modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.BatchNorm2d))]
    with torch.no_grad():
        for number, (convolution, norm) in enumerate(zip(layers[::2], layers[1::2], strict=True)):
            convolution.weight.copy_(theirs[f"w{number}"].reshape(convolution.weight.shape))
            norm.weight.fill_(1.0)
            norm.bias.copy_(theirs[f"b{number}"])
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)
        last = len(layers) // 2
        ours.classifier[1].weight.copy_(theirs[f"w{last}"].reshape(1001, -1))
        ours.classifier[1].bias.copy_(theirs[f"b{last}"])
    path = Path(tempfile.mkdtemp()) / "mobilenet_v2.pth"
    torch.save(ours.state_dict(), path)
    return str(path)


def speed() -> None:
    """Pictures per second of each explanation, and how much of the map survives the check of hiding and showing."""
    from image_curation.core.explain import ExplainParams, explain
    from image_curation.core.method import Inputs, silent

    folder = SHARED / "hymenoptera" / "hymenoptera_data" / "val" / "bees"
    paths = [str(path) for path in sorted(folder.glob("*.jpg"))[:48]]
    inputs = Inputs(n=len(paths), paths=paths)
    weights = photo_weights()
    models = {
        "cam": {"model": "torchvision:mobilenet_v2", "weights": weights},
        "grad_cam": {"model": "torchvision:mobilenet_v2", "weights": weights},
        "attention": {"model": "open_clip:ViT-B-32", "weights": random_clip(), "classes": ("bee", "flower")},
        "patches": {"model": "open_clip:ViT-B-32", "weights": random_clip(), "classes": ("bee", "flower")},
    }
    print("\n| explanation | network | pictures / s | CPU s a picture | deletion, shuffled | insertion, shuffled |")
    print("|---|---|---|---|---|---|")
    for method, given in models.items():
        checked = 16 if "cam" in method else 0
        explain(Inputs(n=4, paths=paths[:4]), ExplainParams(method=method, **given), silent)
        began = time.process_time()
        facts = explain(inputs, ExplainParams(method=method, **given), silent).facts
        spent = (time.process_time() - began) / len(paths)
        check = explain(
            Inputs(n=checked or 1, paths=paths[: checked or 1]),
            ExplainParams(method=method, checked=checked, **given),
            silent,
        ).facts
        areas = [
            f"{check[name]:.2f}, {check[name + '_shuffled']:.2f}" if checked else ""
            for name in ("deletion", "insertion")
        ]
        print(
            f"| {method} | {given['model']} | {facts['images_per_second']} | {spent:.3f} | {areas[0]} | {areas[1]} |",
            flush=True,
        )


def random_clip() -> str:
    """A ViT-B-32 with random weights: as fast as the real one, and as blind."""
    import tempfile

    import open_clip
    import torch

    path = Path(tempfile.gettempdir()) / "curator-random-vit-b-32.pt"
    if not path.exists():
        torch.manual_seed(0)
        torch.save(open_clip.create_model("ViT-B-32").state_dict(), path)
    return str(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--labels", nargs="+", default=["aggre", "random1", "worst"])
    asked = parser.parse_args()
    load_package()
    print(f"## A classifier of one's own\n\n{machine()}")
    if asked.photos:
        photos()
    elif asked.speed:
        speed()
    else:
        for chosen in asked.labels:
            curve(chosen)
