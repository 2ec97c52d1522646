"""What can be asked of a subset: its purpose, whom to choose from, and the weights for those who open them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..base.params import ParamError, Params, param
from .purposes import BALANCES, PURPOSES, Weights


@dataclass(frozen=True, kw_only=True)
class SubsetParams(Params):
    """Pick the samples that serve a purpose best, and say why each was picked."""

    purpose: str = param("label_first", "What the subset is for", among=tuple(PURPOSES))
    embeddings: str = param("embeddings", "Embeddings to compare samples by", reads="embeddings")
    n: int | None = param(None, "How many samples; empty: the fraction below", at_least=1)
    fraction: float = param(0.1, "Share of the available samples to pick", above=0, at_most=1)
    label_field: str | None = param(None, "Labels, to balance classes or find edge cases", reads="labels")
    already_selected: tuple[str, ...] = param(
        (),
        "Fields, tags or slices of samples you already have: counted as covered, never picked again",
        reads="members",
    )
    where: tuple[str, ...] = param(
        (), "Pick and cover only samples in all of these fields, tags or slices", reads="members"
    )
    exclude: tuple[str, ...] = param(
        (), "Never pick samples in any of these: bad files, surplus copies, wrong labels", reads="members"
    )
    like: tuple[str, ...] = param(
        (), "Prefer samples similar to those in these fields, tags or slices", reads="members"
    )
    unlike: tuple[str, ...] = param((), "Prefer samples unlike those in these fields, tags or slices", reads="members")
    group_field: str | None = param(None, "Group of each sample: video, burst, patient", reads="values", advanced=True)
    most_per_group: int | None = param(None, "At most this many samples of a group", at_least=1, advanced=True)
    time_field: str | None = param(None, "Time of each sample: numbers or dates", reads="values", advanced=True)
    time_gap: float = param(
        0.0,
        "Shortest time between samples of a group, in the field's unit; seconds for dates",
        at_least=0,
        advanced=True,
    )
    unique: bool = param(True, "Pick at most one of each group of near-duplicates", advanced=True)
    coverage: float | None = param(
        None, "Weight of coverage; empty: the purpose decides, here and below", at_least=0, advanced=True
    )
    extremes: float | None = param(None, "Weight of samples far from all picked ones", at_least=0, advanced=True)
    typicality: float | None = param(
        None, "Weight of typical samples; below 0: of unusual ones", at_least=-10, at_most=10, advanced=True
    )
    importance: float | None = param(None, "Weight of important samples", at_least=-10, at_most=10, advanced=True)
    importance_field: str | None = param(
        None,
        "Importance of each sample; empty: how unsure a probe is that has not seen it",
        reads="values",
        advanced=True,
    )
    balance: str | None = param(
        None, "Balance of the classes; empty: the purpose decides", among=BALANCES, advanced=True
    )
    class_shares: tuple[str, ...] = param(
        (),
        "For balance given: shares such as cat=2, dog=1; other classes get none",
        mapping="cat=2",
        at_least=0,
        advanced=True,
    )

    def check(self) -> None:
        """Something must be weighed, and shares, groups and times need what they are about."""
        weights = self.weights
        if weights.coverage + weights.extremes <= 0:
            raise ParamError("SubsetParams.coverage and extremes must not both be 0; got 0 and 0")
        if bool(self.class_shares) != (weights.balance == "given"):
            raise ParamError(
                "SubsetParams.class_shares and balance 'given' belong together; got "
                f"{list(self.class_shares)} with balance {weights.balance!r}"
            )
        if weights.balance != "none" and self.label_field is None and self.balance is not None:
            raise ParamError(f"SubsetParams.balance {weights.balance!r} needs label_field; got nothing")
        if self.purpose == "balanced_training_set" and weights.balance == "uniform" and self.label_field is None:
            raise ParamError(
                "SubsetParams.label_field is needed by purpose 'balanced_training_set'; got nothing: name a label "
                "field, or choose purpose 'label_first'"
            )
        if self.group_field is None and (self.most_per_group is not None or self.time_gap > 0):
            raise ParamError("SubsetParams.group_field is needed by most_per_group and time_gap; got nothing")
        if self.time_gap > 0 and self.time_field is None:
            raise ParamError("SubsetParams.time_field is needed by time_gap; got nothing")

    @property
    def weights(self) -> Weights:
        """The purpose's weights, with those that were given in their place."""
        names = ("coverage", "extremes", "typicality", "importance", "balance")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        weights = replace(PURPOSES[self.purpose], **given)
        if weights.balance == "input" and self.label_field is None and self.balance is None:
            return replace(weights, balance="none")  # without labels a hold-out set keeps the shape of the set
        return weights
