"""How much each sample matters to a classifier on the embeddings.

Two different questions, answered apart:

*Attention* - which samples should a person look at? The score is how strongly all the other samples prefer another
class: the margin of class probabilities by leave-one-out ridge regression, by mixtures of concepts and by the nearest
neighbors (`core/labels/consensus.py`). *Quick attention* is the margin of the ridge regression alone: exact for the
squared loss (PRESS, `core/probes/ridge.py`), needs no neighbors, and streams (`core/importance/streaming.py`). Both are
heuristics; they bound nothing. They find wrong labels, and samples at the border of their class.

*Sensitivity* - how large a part of the loss can one sample be, over all linear classifiers? For logistic regression
on data of complexity mu the share of row i is at most O(mu) (sqrt(h_i) + 1/n), with h_i its leverage (Munteanu
et al. 2018, arXiv:1805.08571; a multinomial model is bounded class against class): a bound, and the only one
here. It does not look at labels: flipping the label of a row mirrors the row, z = -y x, and leaves h_i as it was. So
it cannot find wrong labels (its average precision for them is the share of wrong labels); nor can any other
label-free score.

Never train on the highest scores: they are the wrong labels. `select_coreset` picks what to train on; runs of this
method may ask for a coreset too, as they could before that method was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from ..labels.consensus import untrained
from ..probes.linear_probe import two_classes, unit_rows
from ..probes.ridge import GramSums, Ridge, choose_penalty, leave_out, margins
from .coreset_training import said_of_training
from .select_coreset import CLASS_SIZE, at_most_all, coreset_columns, sizes_of_classes

DOUBTFUL = 0.5  # with attention: the other samples prefer another class
SLOPE = 4.0  # of the scale from margins, about -1 to 1, to scores in [0, 1]


@dataclass(frozen=True, kw_only=True)
class ImportanceParams(Params):
    """Score how much each sample matters to a classifier on the embeddings."""

    embeddings: str = param("embeddings", "Embeddings the classifier would see", reads="embeddings")
    label_field: str | None = param("ground_truth", "Labels the classifier would learn", reads="labels")
    method: str = param(
        "attention",
        "attention: how strongly the other samples contradict the label; quick_attention: the same without neighbors; "
        "sensitivity: an upper bound that needs no labels",
        among=("attention", "quick_attention", "sensitivity"),
    )
    coreset_size: int | None = param(
        None, "Pick a weighted coreset of this size too, as select_coreset does", at_least=1, advanced=True
    )
    class_size: tuple[str, ...] = param(
        (),
        "Coreset samples of certain classes, such as cat=100 or dog=all; the others share the rest",
        advanced=True,
        **CLASS_SIZE,
    )
    classes_of_interest: tuple[str, ...] = param(
        (), "Classes whose doubtful samples to mark for review, such as those that find_confusions finds mixed up"
    )
    group_field: str | None = param(
        None,
        "Samples that share a value (patient, video, camera) are never used to judge one another",
        reads="values",
        advanced=True,
    )
    class_at_least: int = param(10, "Fewest coreset samples of any class", at_least=0, advanced=True)
    seed: int = param(51, "Random seed of the coreset", at_least=0, advanced=True)

    def check(self) -> None:
        """Labels where they are needed, and class sizes that can be read."""
        if self.label_field is None and self.method != "sensitivity":
            raise ParamError(
                f"ImportanceParams.label_field is needed by method {self.method!r}; got nothing: name a label field, "
                "or choose method 'sensitivity', which needs none"
            )
        if self.classes_of_interest and self.method == "sensitivity":
            raise ParamError(
                "ImportanceParams.classes_of_interest needs a method that reads labels, attention or quick_attention; "
                "got 'sensitivity'"
            )
        if self.class_size and self.coreset_size is None:
            raise ParamError("ImportanceParams.class_size needs coreset_size; got nothing")

    def codes_of_interest(self, names: tuple[str, ...]) -> list[int]:
        """Codes of the classes of interest."""
        for name in self.classes_of_interest:
            if name not in names:
                raise ParamError(
                    f"ImportanceParams.classes_of_interest names the class {name!r}; "
                    f"the classes are {', '.join(names[:20])}"
                )
        return [names.index(name) for name in self.classes_of_interest]


def score_importance(inputs: Inputs, params: ImportanceParams, progress: Progress) -> Columns:
    """Scores of all rows; with either attention, of all labelled rows. Columns as declared in `METHOD`."""
    if params.method != "sensitivity":
        labels = two_classes(inputs)
        names, codes = labels.names, labels.codes
    else:
        names, codes = ("all",), np.zeros(inputs.n, dtype=np.int64)
    rows = codes >= 0
    if params.coreset_size is not None:
        at_most_all(params.coreset_size, rows, "ImportanceParams.coreset_size")
    wanted, interest = sizes_of_classes(params, "class_size", names), params.codes_of_interest(names)
    x = unit_rows(inputs.vectors)
    with blas_threads(1):
        progress(0, 3, "summing statistics")
        ridge = Ridge.of(GramSums.of(x, codes, len(names)))
        progress(1, 3, "leaving each sample out")
        penalty, errors = choose_penalty(ridge, x, codes) if len(names) > 1 else (1e-2, {})
        left = leave_out(ridge, x, codes, penalty)
        if params.method == "attention":
            score = attention(untrained(inputs, progress), codes)
        elif params.method == "quick_attention":
            score = attention(left.values, codes)
        else:
            score = sensitivity(left.leverage, inputs.n)
    values: dict[str, Any] = {"score": np.where(rows, score, np.nan), "class_rank": class_ranks(score, codes)}
    if interest:
        values["of_interest"] = rows & np.isin(codes, interest) & (score > DOUBTFUL)
    facts: Facts = {"method": params.method, "penalty": penalty, "leave_one_out_error": errors.get(penalty)}
    if params.coreset_size is not None:
        size, least = params.coreset_size, params.class_at_least
        chosen, facts["coreset"] = coreset_columns(x, codes, names, size, least, wanted, params.seed, progress)
        values |= chosen
        training = facts["coreset"].get("training")
        facts |= {"held_out_accuracy": said_of_training(training)} if training else {}
    if interest:
        facts["of_interest"] = int(values["of_interest"].sum())
    facts["headline"] = _headline(params, score[rows], len(names), facts)
    progress(3, 3, "done")
    return Columns(values, facts, rows)


def attention(left_out: Array, codes: Array) -> Array:
    """(n,) score in (0, 1): 1 / (1 + exp(-4 margin)), the margin of the strongest other class over the given one.

    Above 0.5 the other samples prefer another class; a margin of 1, as sure as they can be, is 0.98.

    Args:
        left_out: (n, C) predictions or probabilities that did not see the row's label.
        codes: (n,) given classes; NaN comes out for -1.
    """
    return np.asarray(1.0 / (1.0 + np.exp(-SLOPE * np.clip(margins(left_out, codes), -20.0, 20.0))))


def sensitivity(leverage: Array, n: int) -> Array:
    """(n,) score in (0, 1]: (sqrt(h) + 1/n) / (1 + 1/n), the bound of the row's share of the loss up to a constant."""
    return np.asarray((np.sqrt(leverage) + 1.0 / n) / (1.0 + 1.0 / n))


def class_ranks(score: Array, codes: Array) -> list[int | None]:
    """Rank within the class, 1 the most important; ties in row order; None without a label."""
    order = np.lexsort((np.arange(len(score)), -np.nan_to_num(score), codes))
    starts = np.searchsorted(codes[order], codes[order], side="left")
    ranks = np.empty(len(score), dtype=np.int64)
    ranks[order] = np.arange(len(score)) - starts + 1
    return [int(rank) if code >= 0 else None for rank, code in zip(ranks, codes, strict=True)]


def next_to_see(
    score: Array, codes: Array, number: int, seen: Array, shares: dict[int, int | None] | None = None
) -> Array:
    """Row numbers of the most important samples that nobody has looked at yet, most important first.

    Args:
        score: (n,) NaN for rows never to be shown.
        codes: (n,) classes.
        number: rows in all; fewer come when fewer are left.
        seen: (n,) bool.
        shares: class → how many of it, None for all of it. What they leave of `number` comes from the other classes,
            whichever score highest. Without shares all come from any class.
    """
    order = np.argsort(-score, kind="stable")
    order = order[~(seen[order] | np.isnan(score[order]))]
    named = shares or {}
    chosen = [order[codes[order] == code][:most] for code, most in named.items()]
    left = max(number - sum(map(len, chosen)), 0)
    rows = np.concatenate([*chosen, order[~np.isin(codes[order], list(named))][:left]]).astype(np.int64)
    return rows[np.argsort(-score[rows], kind="stable")]


def _headline(params: ImportanceParams, score: Array, n_classes: int, facts: Facts) -> str:
    text = f"{len(score):,} samples scored"
    if params.method != "sensitivity":
        doubted = int((score > DOUBTFUL).sum())
        text = f"{doubted:,} of {len(score):,} samples in {n_classes} classes look more like another class"
    if params.classes_of_interest:
        text += f", {facts['of_interest']:,} of them in the classes of interest"
    if "coreset" in facts:
        text += f"; coreset of {facts['coreset']['size']:,}"
    return text


METHOD = Method(
    name="score_importance",
    version=4,
    holds_from=lambda params: 4 if params.get("method", "attention") == "attention" else 3,
    label="Score importance",
    stage="select",
    key="importance",
    params=ImportanceParams,
    run=score_importance,
    reads=("embeddings", "labels"),
    writes=(
        Column("score", float, "How much the sample matters, in [0, 1]; look at high ones", role="importance"),
        Column("class_rank", int, "Rank by score within the sample's class, 1 the most important"),
        Column(
            "of_interest",
            bool,
            "In a class of interest, but looks more like another class",
            optional=True,
            role="interest",
        ),
        Column("in_coreset", bool, "In the weighted coreset", optional=True, role="mark"),
        Column("weight", float, "Weight to train with: how many samples it stands for", optional=True),
    ),
    cite="Munteanu et al. 2018, https://arxiv.org/abs/1805.08571; Paul et al. 2021, https://arxiv.org/abs/2107.07075",
    why_now="Know which samples matter most to a model before you choose a subset.",
)
