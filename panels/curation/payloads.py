"""What the Curation panel sends to its view."""

from __future__ import annotations

from typing import Literal, TypedDict

from typing_extensions import NotRequired

from ...core.base.method import Severity
from ...dataset.inputs.evidence import Strength
from ..shared.payloads import Action, Advice, CurveData, Fact, Picture, ScopeText, Showing, Small

Which = Literal["worst", "best", "chosen"]  # one row of pictures
MethodState = Literal["none", "running", "done", "stale", "failed"]


class OtherRun(TypedDict):
    """An earlier run of a method."""

    key: str
    state: MethodState


class MethodRow(TypedDict):
    """A method with its newest run.

    Attributes:
        progress: of a running one, from 0 to 1.
    """

    name: str
    label: str
    help: str
    state: MethodState
    said: str
    progress: float | None
    headline: str | None
    reason: str | None
    key: str | None
    others: list[OtherRun]
    action: Action | None


class Stage(TypedDict):
    """A stage of curating with its methods."""

    name: str
    label: str
    about: str
    methods: list[MethodRow]


class FoundKind(TypedDict):
    """One kind of issue as it is now.

    Attributes:
        key: of the run that points at it.
        first: how many there were at first; null where that is the same.
        now: how many are left to decide about.
        curve: how many were left at each check, and now.
    """

    key: str
    title: str
    severity: Severity
    first: int | None
    now: int
    text: str
    means: str
    pictures: list[Small]
    curve: list[int]
    stale: str | None
    action: Action
    look: Action | None


class Going(TypedDict):
    """A run that is going on."""

    key: str
    label: str
    said: str
    share: float | None


class Failed(TypedDict):
    """A run that failed or was cancelled, and why."""

    key: str
    label: str
    why: str | None
    actions: list[Action]


class EvidenceCard(TypedDict):
    """How well the embeddings tell the classes."""

    word: Strength
    text: str
    share: float
    action: Action | None


class Gap(TypedDict):
    """What was not looked at, and why."""

    title: str
    why: str


class Gaps(TypedDict):
    """Everything that was not looked at."""

    rows: list[Gap]
    action: Action


class Won(TypedDict):
    """Accuracy of a simple classifier, now against at first."""

    text: str
    first: str | None
    now: str
    interval: str
    curve: list[float]
    action: Action


class HistoryLine(TypedDict):
    """A check in the history."""

    when: str
    text: str


class Act(TypedDict):
    """What can be done with the samples, beside the methods."""

    help: str
    action: Action


class Step(Advice):
    """The one thing to do next.

    Attributes:
        state: the state of the dataset that it follows from.
    """

    state: str


class Home(TypedDict):
    """The panel's first page.

    Attributes:
        poll: seconds after which to ask again.
    """

    summary: str
    next: Step
    running: list[Going]
    failed: list[Failed]
    evidence: EvidenceCard | None
    findings: list[FoundKind]
    gaps: Gaps | None
    won: Won | None
    history: list[HistoryLine]
    stages: list[Stage]
    acts: list[Act]
    poll: int | None


class ClassHistogram(TypedDict):
    """The counts of one class."""

    name: str
    counts: list[int]


class HistogramData(TypedDict):
    """How many samples have which value.

    Attributes:
        classes: the same, class by class, the largest class first.
    """

    edges: list[float]
    counts: list[int]
    low: str
    high: str
    classes: list[ClassHistogram]
    hidden: str | None
    missing: str | None


class ScoreName(TypedDict):
    """A score that can be chosen."""

    column: str
    title: str


class Score(TypedDict):
    """The chosen score."""

    column: str
    title: str
    said: str
    histogram: HistogramData | None


class End(TypedDict):
    """Pictures from one end of a score."""

    which: Which
    title: str
    said: str
    pictures: list[Picture]
    page: int
    more: bool


class Row(TypedDict):
    """A row of a list.

    Attributes:
        more: a share per further column of the list.
    """

    value: str | int | float | bool | None
    label: str
    n: int
    id: str | None
    path: str | None
    note: str | None
    mean: float | None
    more: NotRequired[list[float | None]]


class Heading(TypedDict):
    """A further column of a list, with what it means."""

    title: str
    said: str


class Listing(TypedDict):
    """Groups or classes with their sizes.

    Attributes:
        more: further columns of shares.
        event: the panel's method that shows a row in the grid.
    """

    column: str
    title: str
    said: str
    rows: list[Row]
    hidden: str | None
    size: str
    mean: str | None
    more: NotRequired[list[Heading]]
    event: str


class MatrixData(TypedDict):
    """How many samples have which given label and which class by the run.

    Attributes:
        cells: a row per given class, a number per class by the run.
        estimated: how many there are of which true class, as the run estimates over all that it read.
    """

    title: str
    said: str
    classes: list[str]
    cells: list[list[int]]
    row_title: str
    column_title: str
    hidden: str | None
    estimated: list[list[float]] | None


class Quarter(TypedDict):
    """One quadrant."""

    name: str
    title: str
    said: str
    n: int


class QuadrantData(TypedDict):
    """Two scores against each other: how many samples lie in each cell, and in each of four quadrants.

    Attributes:
        cells: a row per cell along `up`, from the lowest.
        quadrants: in reading order: low and high x of the high y, then of the low y.
    """

    title: str
    said: str
    across: list[float]
    up: list[float]
    cells: list[list[int]]
    split: tuple[float, float]
    x_title: str
    y_title: str
    quadrants: list[Quarter]


class RunProgress(TypedDict):
    """How far a running run is.

    Attributes:
        poll: seconds after which to ask again.
    """

    share: float | None
    said: str
    poll: int


class KeyedProgress(RunProgress):
    """The same, of the run of a key: newer than what its page says."""

    key: str


class RunPage(TypedDict):
    """The page of a run.

    Attributes:
        kinds: of a check: what it found, kind by kind, as it is now.
    """

    key: str
    label: str
    state: MethodState
    said: str
    progress: RunProgress | None
    headline: str | None
    reason: str | None
    about: str
    note: str | None
    actions: list[Action]
    scores: list[ScoreName]
    score: Score | None
    ends: list[End]
    matrix: MatrixData | None
    quadrants: QuadrantData | None
    curve: CurveData | None
    lists: list[Listing]
    kinds: list[FoundKind]
    facts: list[Fact]
    settings: list[Fact]


class CurationData(TypedDict, total=False):
    """All that the panel's view knows."""

    advice: Advice | None
    scope: ScopeText | None
    showing: Showing | None
    home: Home | None
    page: RunPage | None
    progress: KeyedProgress | None
