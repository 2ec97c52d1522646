"""What can be wrong with a label: each kind with how bad it is and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base.arrays import Array


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        severity: in [0, 1], 1 the worst: a label that means nothing is worse than one that is unusual.
        said: what it means, as a sentence without a full stop.
        statistical: found by comparison with other labels, so it may be wrong.
    """

    severity: float
    said: str
    statistical: bool = False


KINDS: dict[str, Kind] = {
    "malformed": Kind(1.0, "The box is not four finite numbers"),
    "negative_size": Kind(1.0, "The width or height is negative"),
    "no_area": Kind(0.95, "The width or height is zero"),
    "empty": Kind(0.95, "The label holds no point or pixel"),
    "too_few_points": Kind(0.9, "The shape has too few points"),
    "no_class": Kind(0.9, "The label has no class"),
    "doubled": Kind(0.85, "Another label of this class has the same place"),
    "doubled_other_class": Kind(0.85, "A label of another class has the same place"),
    "outside": Kind(0.8, "The label reaches beyond the image"),
    "wrong_mask_size": Kind(0.8, "The mask has another shape than its box or image"),
    "swapped_sides": Kind(0.75, "Left and right seem to be swapped", statistical=True),
    "mask_off_box": Kind(0.7, "The mask fills only a part of its box"),
    "same_picture": Kind(0.7, "The same picture is in the set with other labels"),
    "class_name": Kind(0.65, "The class seems to be another one misspelled", statistical=True),
    "self_crossing": Kind(0.6, "The outline crosses itself"),
    "near_equal": Kind(0.6, "Another label of this class has nearly the same place", statistical=True),
    "missing_points": Kind(0.5, "Points are missing that others of its class have", statistical=True),
    "nested": Kind(0.45, "The label lies inside one of its class that is not much larger", statistical=True),
    "no_labels": Kind(0.4, "The image has no label, and nearly all others have some", statistical=True),
    "odd_size": Kind(0.35, "The size is far from what is usual in its class", statistical=True),
    "odd_shape": Kind(0.3, "The shape is far from what is usual in its class", statistical=True),
    "tiny": Kind(0.3, "The label is too small to show anything"),
    "covers_image": Kind(0.3, "The label covers the whole image, and others of its class do not", statistical=True),
    "rare_class": Kind(0.2, "Hardly any other label has this class", statistical=True),
}


@dataclass(frozen=True)
class Faults:
    """The labels, or images, in which one kind of fault was found.

    Attributes:
        kind: of `KINDS`.
        at: (f,) their numbers.
        details: a few words for each, such as the other class; "" where the kind says all.
    """

    kind: str
    at: Array
    details: Sequence[str] = ()
