"""Parameters of the classifier."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.params import ParamError, Params, param


@dataclass(frozen=True, kw_only=True)
class ClassifierParams(Params):
    """Train a classifier on embeddings; each sample is predicted by a model that has not seen it."""

    embeddings: str = param("embeddings", "Embeddings to classify by", reads="embeddings")
    label_field: str | None = param("ground_truth", "Labels, one class per sample", reads="labels")
    label_sets: str | None = param(
        None, "Labels, any number of classes per sample; replaces the label field", reads="label_sets"
    )
    classes: tuple[str, ...] = param((), "Classes to learn; empty: all in the labels")
    model: str = param("linear", "linear: logistic regression; mlp: one hidden layer", among=("linear", "mlp"))
    class_weights: str = param(
        "none", "balanced: rare classes count as much as frequent ones", among=("none", "balanced")
    )
    trusted: str | None = param(
        None,
        "Field, tag or slice of samples with trusted labels: the run also measures on them what cleaning the other "
        "labels is worth; takes three times as long",
        reads="members",
    )
    subset: str | None = param(
        None, "With trusted samples: also compare this subset with a random one of its size", reads="members"
    )
    hidden: int = param(64, "Size of the hidden layer", at_least=1, advanced=True)
    folds: int = param(5, "Folds of the cross-validation", at_least=2, at_most=20, advanced=True)
    seed: int = param(51, "Random seed", at_least=0, advanced=True)

    def check(self) -> None:
        """One kind of labels; class names differ."""
        if self.label_sets:
            object.__setattr__(self, "label_field", None)
        elif not self.label_field:
            raise ParamError("ClassifierParams needs label_field or label_sets; got neither")
        if self.label_sets and self.trusted:
            raise ParamError("ClassifierParams.trusted needs one class per sample: set label_field, not label_sets")
        if self.subset and not self.trusted:
            raise ParamError("ClassifierParams.subset needs trusted, the samples to test on; got none")
        if len(set(self.classes)) < len(self.classes):
            raise ParamError(f"ClassifierParams.classes must be different names; got {list(self.classes)}")
