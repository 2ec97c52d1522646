"""What several annotators mean together, how good each of them is, and whose word would help most.

Dawid & Skene 1979 (`annotators.py`), with a model's probabilities as a further voice where there are embeddings: it is
trained on the annotators' consensus, does not see the sample that it judges, and is trained once more on what came of
it. The peer is CROWDLAB (Goh, Tkachenko & Mueller 2022, arXiv:2210.06812).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from ..base.columns import Column, Columns
from ..base.errors import DataError
from ..base.inputs import GivenLabels, Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from .annotators import Consensus, consensus
from .consensus import untrained

ROUNDS = 2  # of a model trained on the consensus so far
WEIGHT = 1.5  # power of its probabilities: best of 0.5 to 2 on simulated crowds and CIFAR-10N
DOUBTFUL = 0.9  # probability below which a consensus should be looked at


@dataclass(frozen=True, kw_only=True)
class ConsensusParams(Params):
    """Find the class that several annotators mean together, its quality, and the quality of each annotator.

    Each annotator has a label field of his own. With embeddings a model that does not see the sample has a voice too.
    """

    annotators: tuple[str, ...] = param(help="Label fields, one for each annotator", reads="labels")
    embeddings: str | None = param(
        None, "Embeddings for the model's voice; empty: annotators alone", reads="embeddings"
    )

    def check(self) -> None:
        """Two annotators at least."""
        if len(set(self.annotators)) < 2 or len(set(self.annotators)) != len(self.annotators):
            raise ParamError(
                "ConsensusParams.annotators must name at least two different label fields, one for each annotator; got "
                f"{list(self.annotators)}"
            )


def find_consensus(inputs: Inputs, params: ConsensusParams, progress: Progress) -> Columns:
    """Columns as declared in `METHOD`. Samples that nobody labelled get none."""
    given: Sequence[GivenLabels] = inputs.named["annotators"]
    names = tuple(sorted({name for own in given for name in own.names}))
    codes = _in_one_order(given, names)
    said = (codes >= 0).sum(axis=1)
    if len(names) < 2:
        raise DataError(f"find_consensus needs at least two classes; the annotators use {', '.join(names) or 'none'}")
    if not (said > 1).any():
        raise DataError("find_consensus needs at least one sample with labels of two annotators; none has")
    found = consensus(codes, len(names))
    if inputs.embeddings is not None:
        for number in range(ROUNDS):
            progress(number, ROUNDS, "asking a model that does not see the sample")
            best = np.where(said > 0, found.probabilities.argmax(axis=1), -1)
            if len(np.unique(best[best >= 0])) < 2:
                break
            beliefs = untrained(replace(inputs, labels=GivenLabels(names, best)), progress)
            found = consensus(codes, len(names), beliefs, WEIGHT)
    progress(ROUNDS, ROUNDS, "bringing the labels together")
    return _columns(params.annotators, names, codes, found)


def _in_one_order(given: Sequence[GivenLabels], names: tuple[str, ...]) -> Array:
    """(n, m) classes by each annotator, -1 for none, all numbered as in `names`."""
    place = {name: code for code, name in enumerate(names)}
    tables = [np.array([*(place[name] for name in own.names), -1], dtype=np.int64) for own in given]
    return np.stack([table[own.codes] for table, own in zip(tables, given, strict=True)], axis=1)


def _columns(fields: Sequence[str], names: tuple[str, ...], codes: Array, found: Consensus) -> Columns:
    said = (codes >= 0).sum(axis=1)
    best, quality = found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)
    agree = ((codes == best[:, None]) & (codes >= 0)).sum(axis=1) / np.maximum(said, 1)
    order = np.argsort(-found.accuracy, kind="stable")
    doubtful = (quality < DOUBTFUL) & (said > 0)
    values = {
        "is_doubtful": doubtful,
        "quality": quality,
        "label": [names[code] for code in best.tolist()],
        "agreement": agree,
        "annotators": said,
        "next": _next(fields, codes, order, doubtful),
    }
    annotators = [
        {
            "annotator": fields[number],
            "quality": round(float(found.accuracy[number]), 4),
            "agreement": round(float((own[own >= 0] == best[own >= 0]).mean()), 4) if (own >= 0).any() else None,
            "labels": int((own >= 0).sum()),
            "taken_for": _worst(found.confusion[number], found.shares, names),
        }
        for number, own in ((int(one), codes[:, one]) for one in order)
    ]
    facts: dict[str, Any] = {
        "classes": list(names),
        "annotators": annotators,
        "doubtful": int(doubtful.sum()),
        "disagreements": int(((agree < 1) & (said > 0)).sum()),
        "headline": f"{int(doubtful.sum()):,} of {int((said > 0).sum()):,} samples have a doubtful consensus; "
        f"best annotator {fields[order[0]]} ({found.accuracy[order[0]]:.0%} right), "
        f"last {fields[order[-1]]} ({found.accuracy[order[-1]]:.0%})",
    }
    return Columns(values, facts, said > 0)


def _next(fields: Sequence[str], codes: Array, order: Array, doubtful: Array) -> list[str | None]:
    """Of the doubtful samples, the best annotator who has not labelled it; None where all have."""
    free: Array = np.asarray((codes[:, order] < 0) & doubtful[:, None])
    return [next((fields[order[place]] for place in np.flatnonzero(own)), None) for own in free]


def _worst(confusion: Array, shares: Array, names: tuple[str, ...]) -> str:
    """The class that an annotator most often takes for another one."""
    often = confusion * shares[:, None]
    np.fill_diagonal(often, 0)
    true, label = np.unravel_index(int(often.argmax()), often.shape)
    return f"{names[true]} for {names[label]}"


METHOD = Method(
    name="find_consensus",
    version=1,
    label="Find consensus of annotators",
    stage="clean",
    key="consensus",
    params=ConsensusParams,
    run=find_consensus,
    reads=("labels",),
    writes=(
        Column("is_doubtful", bool, "The annotators' consensus is probably not certain enough", role="mark"),
        Column("quality", float, "Probability that the consensus is right, in [0, 1]", best="high", role="quality"),
        Column("label", str, "The class that the annotators mean together", group=True, role="suggestion"),
        Column("agreement", float, "Share of the annotators of this sample who say the same", best="high"),
        Column("annotators", int, "How many annotators labelled it"),
        Column("next", str, "Who should label it next: the best annotator who has not", group=True),
    ),
    cite="Dawid & Skene 1979, https://doi.org/10.2307/2346806; Goh, Tkachenko & Mueller 2022, arXiv:2210.06812",
)
