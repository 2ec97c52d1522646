"""What the operators tell the bundle's header: calls at work, and lines with a button."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from typing_extensions import NotRequired

JobState = Literal["running", "done", "failed", "cancelled"]


class Job(TypedDict):
    """A call at work, or one that has ended lately.

    Attributes:
        said: the headline, or the error.
        left: how long the step still takes, in words.
    """

    key: str
    label: str
    state: JobState
    said: str
    share: float | None
    doing: str
    left: str
    stopping: bool
    operator: str | None
    params: dict[str, Any]


class LineButton(TypedDict):
    """What a line's button does.

    Attributes:
        prompt: whether the operator's form is opened.
    """

    label: str
    operator: str
    params: dict[str, Any]
    prompt: NotRequired[bool]


class Line(TypedDict):
    """A line that stays a while.

    Attributes:
        job: a call at work that is to be followed.
        ended: a call that has ended, and is told by this line.
        decided: whether something was decided.
        review: samples or objects to review.
    """

    text: str
    variant: Literal["success", "info", "error"]
    does: NotRequired[LineButton | None]
    job: NotRequired[str]
    ended: NotRequired[str]
    decided: NotRequired[bool]
    review: NotRequired[list[str]]
