"""What the Curation Compare panel sends to its view."""

from __future__ import annotations

from typing import TypedDict

from ..shared.payloads import Advice, Picture


class Choice(TypedDict):
    """What is compared by, and what could be."""

    chosen: str | None
    choices: list[str]


class Says(TypedDict):
    """What a run says of each sample.

    Attributes:
        logits: a row per sample, a number per class; null where the sample has none.
        many: classes are judged each by itself.
        temperature: what the stored logits were divided by, where that is known.
    """

    classes: list[str]
    logits: list[list[float] | None]
    shown: int
    many: bool
    temperature: float | None


class ComparisonData(TypedDict, total=False):
    """All that the panel's view knows.

    Attributes:
        similarity: cosines of all pairs; null where one has no vector.
    """

    advice: Advice | None
    pictures: list[Picture]
    hidden: str | None
    embeddings: Choice
    predictions: Choice
    similarity: list[list[float | None]] | None
    says: Says | None
    neighbors: list[Picture] | None
