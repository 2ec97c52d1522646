"""What the Curation Review panel sends to its view."""

from __future__ import annotations

from typing import Literal, TypedDict

from typing_extensions import NotRequired

from ..shared.payloads import Advice, Fact, Picture

Mode = Literal["card", "batch"]


class BoxInPicture(TypedDict):
    """A box in a picture.

    Attributes:
        box: left, top, width and height, shares of its sides.
        own: whether it is that of the object under review.
    """

    box: list[float]
    label: str | None
    own: NotRequired[bool]


class OtherLabel(TypedDict):
    """The class that another field gives a sample."""

    field: str
    label: str


class Alike(TypedDict):
    """Pictures to compare the reviewed one with."""

    title: str
    pictures: list[Picture]


class Copy(TypedDict):
    """One of several copies.

    Attributes:
        keep: whether it is proposed to be kept.
    """

    id: str
    path: str
    name: str
    keep: bool
    decided: str | None


class Compared(TypedDict):
    """One property of all copies."""

    label: str
    values: list[str]
    differs: bool


class Compare(TypedDict):
    """Copies side by side."""

    members: list[Copy]
    rows: list[Compared]
    proposal: str | None
    hidden: str | None


class ReviewCard(TypedDict):
    """One sample or object with everything that is needed to decide.

    Attributes:
        suggested: another class than the given one, where the run suggests one.
        chance: how probably the suggested class is right, in words.
        second: the next class to think of.
        problem: why the file cannot be read, or not to its end.
        origin: which run its scores come from.
    """

    id: str
    path: str
    name: str
    given: str | None
    suggested: str | None
    agrees: bool
    chance: str | None
    second: str | None
    boxes: list[BoxInPicture]
    labels: list[OtherLabel]
    problem: NotRequired[str | None]
    facts: list[Fact]
    decided: str | None
    origin: str
    alike: list[Alike]
    compare: Compare | None


class Batch(TypedDict):
    """Many pictures of the queue, to be decided in ranges.

    Attributes:
        previous, more: first pictures of the pages before and after.
    """

    pictures: list[Picture]
    text: str
    previous: str | None
    more: str | None


class ReviewProgress(TypedDict):
    """How far the review is."""

    done: int
    total: int
    text: str
    place: str


class SourceChoice(TypedDict):
    """A run that can be reviewed."""

    key: str
    label: str
    said: str


class DoneLine(TypedDict):
    """A decision of this review."""

    key: str
    text: str
    by: str


class Preview(TypedDict):
    """What would be accepted in one go."""

    n: int
    at_least: float
    pictures: list[Picture]


class NewClass(TypedDict):
    """A class that no label has yet, the one that may be meant, and a stamp of the question."""

    label: str
    meant: str | None
    asked: str


class ReviewData(TypedDict, total=False):
    """All that the panel's view knows.

    Attributes:
        undo: the decision that undo would take back.
        done: the last decisions of this review.
        sure: how many suggestions are sure enough to be accepted in one go.
        preview: what that would accept, while it is looked at.
        differ: what two people decided differently.
        these: how many somebody selected to be reviewed, instead of the queue.
        author: who decides, where he has said so.
        said: what the last event did.
        asks: whether a class that no label has yet is meant.
        stamp: changes with every answer.
        next: the picture that comes next, to be fetched ahead.
        wanted: the run that another panel asks to review.
        selected: samples selected in the grid.
    """

    advice: Advice | None
    sources: list[SourceChoice]
    source: str | None
    scope: str
    progress: ReviewProgress | None
    card: ReviewCard | None
    batch: Batch | None
    mode: Mode
    finished: Advice | None
    classes: list[str]
    reasons: list[str]
    undo: str | None
    done: list[DoneLine]
    sure: int
    preview: Preview | None
    differ: list[str]
    these: int | None
    wanted_ids: list[str] | None
    author: str | None
    said: str | None
    asks: NewClass | None
    stamp: str
    next: str | None
    in_grid: bool
    wanted: str | None
    selected: int
