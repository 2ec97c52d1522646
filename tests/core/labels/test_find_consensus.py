"""Simulated annotators of known accuracy: their order, the classes they mean, and who should be asked next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.labels.annotators import consensus, majority
from image_curation.core.labels.find_consensus import ConsensusParams, find_consensus

ACCURACY = (0.95, 0.85, 0.75, 0.6, 0.45)


def _crowd(n: int, each: float, seed: int) -> tuple[Any, Any]:
    """True classes of n samples, three of them, and labels of five annotators who each see a share of the samples."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, n)
    codes = np.full((n, 5), -1)
    for place, accuracy in enumerate(ACCURACY):
        seen = np.flatnonzero(rng.random(n) < each)
        wrong = (true[seen] + rng.integers(1, 3, len(seen))) % 3
        codes[seen, place] = np.where(rng.random(len(seen)) < accuracy, true[seen], wrong)
    return true, codes


def _found(codes: Any, embeddings: Any = None) -> Any:
    fields = tuple(f"by_{place}" for place in range(codes.shape[1]))
    given = tuple(GivenLabels.of([None if code < 0 else "abc"[code] for code in own]) for own in codes.T)
    ids = [str(row) for row in range(len(codes))]
    inputs = Inputs(n=len(codes), ids=ids, embeddings=embeddings, named={"annotators": given})
    params = ConsensusParams(annotators=fields, embeddings=None if embeddings is None else "vectors")
    return find_consensus(inputs, params, silent)


def test_majority__counts_by_hand() -> None:
    votes = majority(np.array([[0, 0, 1], [1, -1, -1], [-1, -1, -1]]), 2)
    np.testing.assert_allclose(votes, [[2 / 3, 1 / 3], [0, 1], [0, 0]])


def test_consensus__better_than_the_majority_and_annotators_in_order() -> None:
    true, codes = _crowd(3000, 0.6, seed=0)
    found = consensus(codes, 3)
    said = (codes >= 0).any(axis=1)
    votes = majority(codes, 3).argmax(axis=1)
    assert (found.probabilities.argmax(axis=1) == true)[said].mean() > (votes == true)[said].mean() + 0.02
    np.testing.assert_allclose(found.accuracy, ACCURACY, atol=0.04)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(found.confusion.sum(axis=2), 1)


def test_find_consensus__a_model_has_a_voice_and_the_best_one_is_asked_next() -> None:
    true, codes = _crowd(600, 0.4, seed=1)
    x = (np.eye(3, 8)[true] * 2 + np.random.default_rng(0).normal(0, 0.6, (600, 8))).astype(np.float32)
    alone, together = _found(codes), _found(codes, x)
    said = (codes >= 0).any(axis=1)
    right = [
        np.mean(np.array(one.values["label"])[said] == np.array(list("abc"))[true[said]]) for one in (alone, together)
    ]
    assert right[1] > right[0] + 0.03
    assert [one["annotator"] for one in together.facts["annotators"]] == [f"by_{place}" for place in range(5)]
    doubtful = together.values["is_doubtful"]
    for row in np.flatnonzero(doubtful):
        free = np.flatnonzero(codes[row] < 0)
        assert together.values["next"][row] == (f"by_{free[0]}" if len(free) else None)
    assert not any(one for one, wanted in zip(together.values["next"], doubtful, strict=True) if not wanted)
    assert together.rows.tolist() == said.tolist()


def test_find_consensus__the_same_whatever_the_order_of_annotators_and_samples() -> None:
    _, codes = _crowd(300, 0.5, seed=2)
    order = np.random.default_rng(0).permutation(300)
    here, there = _found(codes), _found(codes[order][:, ::-1])
    np.testing.assert_allclose(there.values["quality"], here.values["quality"][order], atol=1e-6)
    assert there.values["label"] == [here.values["label"][row] for row in order]


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        ([[0, 0], [0, -1]], "at least two classes; the annotators use a"),
        ([[0, -1], [-1, 1]], "at least one sample with labels of two annotators; none has"),
    ],
)
def test_find_consensus__too_little(codes: Any, sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        _found(np.array(codes))


def test_params__two_fields() -> None:
    for given in ((), ("one",), ("one", "one")):
        with pytest.raises(ParamError, match="at least two different label fields"):
            ConsensusParams(annotators=given)


@pytest.mark.slow
def test_find_consensus__human_labels_of_cifar10n_against_crowdlab(shared_data: Path) -> None:
    """Accuracy at least CROWDLAB's, which gets the same model's probabilities: of one trained on the majority."""
    pytest.importorskip("cleanlab")
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator
    from image_curation.core.labels.consensus import untrained

    held = np.load(shared_data / "cifar10n" / "cifar10n_5k.npz")
    keep = np.random.default_rng(0).permutation(5000)[:1500]
    codes = np.stack([held[f"random{number}"] for number in (1, 2, 3)], axis=1)[keep].astype(np.int64)
    x, clean = held["mobilenetv2"][keep].astype(np.float32), held["clean"][keep].astype(np.int64)
    names, ids = tuple("abcdefghij"), [str(row) for row in range(1500)]
    given = tuple(GivenLabels(names, own) for own in codes.T)
    inputs = Inputs(n=1500, ids=ids, embeddings=x, named={"annotators": given})
    ours = find_consensus(inputs, ConsensusParams(annotators=("a", "b", "c"), embeddings="vectors"), silent)
    votes = GivenLabels(names, majority(codes, 10).argmax(axis=1))
    beliefs = untrained(Inputs(n=1500, ids=ids, embeddings=x, labels=votes), silent).astype(np.float64)
    theirs = get_label_quality_multiannotator(pd.DataFrame(codes.astype(float)), beliefs, verbose=False)
    mine = np.mean(np.array(ours.values["label"]) == np.array(names)[clean])
    peers = np.mean(theirs["label_quality"]["consensus_label"].to_numpy().astype(int) == clean)
    assert mine >= peers - 0.005  # 1,500 rows: a standard error is .006
    assert mine > 0.92
