"""What curating is for: accuracy on a trusted hold-out against the cleanliness and the size of what was learned from.

On CIFAR-10N, whose wrong labels people made: half of the images with their true labels are the hold-out; from the
other half a classifier learns with the labels as given, with those that `find_label_issues` suspects left out or
relabelled, with as many left out at random, and with the true ones; and all of that for growing shares of the half. The
curve is `train_classifier`'s own, with `trusted`; only the true labels are added here.

    python benchmarks/classifier.py             the curve
    python benchmarks/classifier.py --photos    linear and fine-tuned classifiers on ants and bees
    python benchmarks/classifier.py --speed     CPU time of fine-tuning, and what that makes of 2,000 pictures
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded


def curve(labels: str) -> None:
    """Print the table for one of the human label sets."""
    from image_curation.core.classifiers.classifier_params import ClassifierParams
    from image_curation.core.classifiers.task import Task
    from image_curation.core.classifiers.train_classifier import _learner
    from image_curation.core.classifiers.value_of_cleaning import GIVEN, curating_curve
    from image_curation.core.probes.linear_probe import unit_rows
    from image_curation.core.probes.logistic import Design

    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        x = arrays["mobilenetv2"].astype(np.float32)
        given, true = arrays[labels].astype(int), arrays["clean"].astype(int)
    trusted = np.zeros(len(x), dtype=bool)
    trusted[np.random.default_rng(0).permutation(len(x))[: len(x) // 2]] = True
    codes, alone = np.where(trusted, true, given), np.arange(len(x))
    task = Task(tuple("0123456789"), codes, np.ones(len(x), dtype=bool))
    learn = _learner(Design.of(unit_rows(x)), task, alone, ClassifierParams())
    taught: list[Any] = []

    def noted(rows: Any, told: Any) -> Any:
        taught.append(rows)
        return learn(rows, told)

    found = curating_curve(x, codes, alone, trusted, noted)
    table: dict[str, dict[int, str]] = {}
    asked = 0
    for one, rows in zip(found["curve"], list(taught), strict=True):
        if one["learned_from"] == GIVEN:
            asked = one["n"]
            right = learn(rows, true[rows])[trusted].argmax(axis=1) == true[trusted]
            table.setdefault("true labels", {})[asked] = f"{right.mean():.1%}"
        table.setdefault(one["learned_from"], {})[asked] = f"{one['accuracy']:.1%}"
    sizes = sorted(table[GIVEN])
    print(f"\n### {labels}: {np.mean(given != true):.1%} of the labels wrong; {found['held_out']:,} trusted images\n")
    print("| learned from | " + " | ".join(f"{size:,} images" for size in sizes) + " |")
    print("|---" * (len(sizes) + 1) + "|")
    for name in [*(name for name in table if name != "true labels"), "true labels"]:
        print(f"| {name} | " + " | ".join(table[name][size] for size in sizes) + " |")


def photos() -> None:
    """Linear classifiers on MobileNetV2 vectors of ants and bees, and a MobileNetV2 fine-tuned on the pictures."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.classifiers.classifier_params import ClassifierParams
    from image_curation.core.classifiers.finetune_classifier import finetune_classifier
    from image_curation.core.classifiers.finetune_params import FinetuneParams
    from image_curation.core.classifiers.train_classifier import train_classifier

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


def speed(n: int = 64) -> None:
    """CPU time of a picture looked at and of one learned from, at the defaults; and of 2,000 pictures by these."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.classifiers.finetune_classifier import ASIDE
    from image_curation.core.classifiers.finetune_params import FinetuneParams
    from image_curation.core.classifiers.network_training import Trained, Trainer
    from image_curation.core.classifiers.networks import Frame
    from image_curation.core.classifiers.task import Task

    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        codes = arrays["clean"][:n].astype(int)
    print("\n| network, 160 px | CPU s to look at one | to learn from one | 2,000 pictures, 5 passes, CPU min |")
    print("|---|---|---|---|")
    for model in ("torchvision:resnet18", "torchvision:mobilenet_v2", "torchvision:resnet50"):
        params = FinetuneParams(model=model, pretrained=False, precision="fp32")
        frame = Frame(params.side, params.side * 8 // 7)
        pictures = np.random.default_rng(0).integers(0, 255, (n, frame.resize, frame.resize, 3), np.uint8)
        trainer = Trainer(Task(tuple("0123456789"), codes, np.ones(n, bool)), frame, pictures, params, {})
        rows, spent = np.arange(n), []
        trainer.logits(rows[:8])
        for work in (lambda: trainer.logits(rows), lambda: trainer._epoch(rows, Trained(), silent)):  # noqa: B023
            began = time.process_time()
            work()
            spent.append((time.process_time() - began) / n)
        look, learn = spent
        learned = 2000 * (1 - params.held_out) * (1 - ASIDE)
        aside = 2000 * (1 - params.held_out) - learned
        whole = 2000 * look + params.epochs * (learned * learn + aside * look)
        print(f"| {model} | {look:.3f} | {learn:.3f} | {whole / 60:.0f} |", flush=True)


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

    It was trained on colours in [-1, 1], which the first convolution takes up here: torchvision's networks are given
    colours with ImageNet's mean and deviation taken out. It was also trained with TensorFlow's padding, which
    torchvision's convolutions of stride 2 do not have: features are moved by up to a cell.
    """
    import importlib.util
    import tempfile

    import torch
    from image_curation.core.classifiers.networks import build
    from image_curation.core.embeddings.models.preparation import IMAGENET_MEAN, IMAGENET_STD

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
        mean, deviation = (torch.tensor(one)[:, None, None] for one in (IMAGENET_MEAN, IMAGENET_STD))
        first = layers[0].weight
        layers[1].bias.add_((first * (2 * mean - 1)).sum(dim=(1, 2, 3)))
        first.mul_(2 * deviation)
        last = len(layers) // 2
        ours.classifier[1].weight.copy_(theirs[f"w{last}"].reshape(1001, -1))
        ours.classifier[1].bias.copy_(theirs[f"b{last}"])
    path = Path(tempfile.mkdtemp()) / "mobilenet_v2.pth"
    torch.save(ours.state_dict(), path)
    return str(path)


if __name__ == "__main__":
    with recorded(__file__):
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
