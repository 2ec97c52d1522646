"""How a network learns: what one step changes, how the rate runs, what varies a picture, what a checkpoint holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.checkpoints import Checkpoints, Trained
from image_curation.core.classifiers.finetune_params import FinetuneParams
from image_curation.core.classifiers.network_training import Trainer, augmentation, warm_up_and_cosine
from image_curation.core.classifiers.networks import Frame
from image_curation.core.classifiers.task import Task

pytestmark = pytest.mark.slow  # loads torch

NONE = np.zeros(0, dtype=np.int64)
SIX = np.arange(6)


def trainer(**changed: Any) -> Trainer:
    """Of a small network, on six pictures of noise of two classes, all in one batch."""
    given = {"model": "torchvision:mobilenet_v3_small", "side": 32, "augment": False, "epochs": 1, "batch_size": 6}
    pictures = np.random.default_rng(0).integers(0, 256, (6, 36, 36, 3), dtype=np.uint8)
    task = Task(("a", "b"), np.arange(6) % 2, np.ones(6, bool))
    return Trainer(task, Frame(32, 36), pictures, FinetuneParams(**(given | changed)), {})


class Stop(Exception):  # noqa: N818
    """Ends a training while it goes on."""


def trained(folder: Path, stop_in: str = "", **changed: Any) -> tuple[Trainer, Trained, Checkpoints]:
    """A trainer, what it ends with, and its checkpoints; where it is stopped, what the last checkpoint holds."""
    made = trainer(**changed)
    store = Checkpoints(Inputs(n=6, folder=str(folder)), made._params)

    def progress(done: int, total: int, doing: str = "") -> None:
        if stop_in and doing.startswith(stop_in):
            raise Stop

    try:
        return made, made.train(SIX, NONE, store, 0, progress), store
    except Stop:
        return made, store.load(0), store


def moves(folder: Path, **changed: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, values before and values after the first step, of each parameter."""
    before = trained(folder, stop_in="pass 1", **changed)[1].state
    made, after, _ = trained(folder, **changed)
    for name, _ in made.module.named_parameters():
        yield name, before[name].double().numpy(), after.state[name].double().numpy()


def test_step__is_adamws_with_a_slow_trunk_and_little_decay(tmp_path: Path) -> None:
    """The first step of AdamW moves every weight by its rate, whatever the slope: m / sqrt(v) is the slope's sign.

    The last layer's rate is 0.001, the others' a tenth of it; weights shrink by 0.02 of their rate, biases do not.
    """
    for name, old, new in moves(tmp_path):
        rate = 0.001 if name.startswith("classifier.3.") else 0.0001
        if name == "classifier.3.weight":  # millions, as features of random layers are tiny: it only shrinks visibly
            assert np.median(1 - new / old) == pytest.approx(0.02 * rate, rel=0.1)
            continue
        moved = np.abs(new - (old * (1 - 0.02 * rate) if old.ndim > 1 else old))
        assert moved.max() < 1.01 * rate, name
        if name.startswith("classifier."):
            assert np.median(moved) == pytest.approx(rate, rel=0.01), name


def test_step__random_networks_learn_at_one_rate(tmp_path: Path) -> None:
    (moved,) = [abs(new - old) for name, old, new in moves(tmp_path, pretrained=False) if name == "classifier.0.bias"]
    assert np.median(moved) == pytest.approx(0.001, rel=0.01)


def test_warm_up_and_cosine__rises_over_a_tenth_and_falls_to_nothing() -> None:
    import torch

    optimizer = torch.optim.AdamW([{"params": [torch.zeros(1)], "lr": 2.0, "initial_lr": 2.0}])
    schedule = warm_up_and_cosine(optimizer, 0, 40)
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(2 / 4)
    assert int(np.argmax(rates)) == 3
    assert rates[20] == pytest.approx(1.0)
    assert 0 < rates[-1] < 0.01
    later = torch.optim.AdamW([{"params": [torch.zeros(1)], "lr": 2.0, "initial_lr": 2.0}])
    warm_up_and_cosine(later, 17, 40)
    assert later.param_groups[0]["lr"] == pytest.approx(rates[17])


def test_augmentation__crops_mirrors_and_brightens_each_picture() -> None:
    """The picture's value is 100 + 2 * its column, so a part of it tells where it was cut, and which way it faces."""
    import torch

    torch.manual_seed(0)
    columns = torch.arange(20, dtype=torch.uint8)
    picture = (100 + 2 * columns).expand(3, 20, 20)
    vary = augmentation(16)
    seen = [vary(picture) for _ in range(100)]
    assert all(tuple(one.shape) == (3, 16, 16) and one.dtype == torch.uint8 for one in seen)
    rows = [one[0, 0].float() for one in seen]
    mirrored = sum(bool(row[0] > row[-1]) for row in rows)
    assert 30 <= mirrored <= 70
    slopes = [float((row[-1] - row[0]).abs()) / 30 for row in rows]  # 2 a column, over 15 columns, at brightness 1
    assert 0.75 < min(slopes) < 0.85
    assert 1.15 < max(slopes) < 1.3
    starts = {round(float(min(row[0], row[-1])) / slope - 100) for row, slope in zip(rows, slopes, strict=True)}
    assert len(starts) > 3, "the part is not always the same one"


def test_checkpoints__hold_all_that_goes_on_and_open_without_running_code(tmp_path: Path) -> None:
    """Two passes in one go end where one pass, and another from its checkpoint, end: bit by bit."""
    import torch

    whole = trained(tmp_path / "whole", epochs=2, augment=True, pretrained=False)[1]
    _, _, store = trained(tmp_path / "parts", stop_in="pass 2", epochs=2, augment=True, pretrained=False)
    (file,) = (tmp_path / "parts").glob("*.pt")
    assert set(torch.load(file, weights_only=True)) == {"epoch", "state", "optimizer", "best", "losses"}
    again = trainer(epochs=2, augment=True, pretrained=False).train(SIX, NONE, store, 0, silent)
    assert again.losses == whole.losses
    assert all(torch.equal(again.state[name], whole.state[name]) for name in whole.state)


def test_checkpoints__of_the_version_before_still_go_on(tmp_path: Path) -> None:
    """It kept AdamW's moments by parameter; weights, passes and losses are taken over."""
    import torch

    _, known, store = trained(tmp_path, epochs=1)
    (file,) = tmp_path.glob("*.pt")
    old = copy.copy(vars(known))
    del old["optimizer"]
    names = [name for name in known.state if name.endswith("weight")]
    old["moments"] = {name: [torch.zeros_like(known.state[name])] * 2 for name in names}
    torch.save(old, file)
    found = store.load(0)
    assert (found.epoch, found.losses, found.optimizer) == (1, known.losses, {})
    assert set(found.state) == set(known.state)
    file.write_bytes(file.read_bytes()[:1000])
    assert store.load(0).epoch == 0, "one that was cut short begins anew"


def test_finetune_params__one_picture_a_step_from_random_weights() -> None:
    with pytest.raises(ParamError, match=r"FinetuneParams.batch_size must be at least 2 .*; got 1"):
        FinetuneParams(pretrained=False, batch_size=1)


def test_train__one_picture_a_step_still_learns(tmp_path: Path) -> None:
    moved = [abs(new - old).max() for _, old, new in moves(tmp_path, batch_size=1)]
    assert min(moved) >= 0
    assert np.median(moved) > 1e-5
