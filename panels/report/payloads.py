"""What the Curation Report panel sends to its view."""

from __future__ import annotations

from typing import Literal, TypedDict

from ..shared.payloads import Advice, CurveData, Picture, Showing

Verdict = Literal["better", "worse", "alike"]


class ReportCell(TypedDict):
    """A measure in the history."""

    text: str
    verdict: Verdict


class ReportRow(TypedDict):
    """A report in the history."""

    key: str
    subset: str
    size: str
    when: str
    open: bool
    cells: list[ReportCell]


class ReportHistory(TypedDict):
    """All reports side by side."""

    titles: list[str]
    rows: list[ReportRow]


class MeasureRow(TypedDict):
    """A measure; places run from 0, the worst value shown, to 1, the best."""

    name: str
    title: str
    said: str
    value: str
    random: str
    verdict: Verdict
    place: float
    random_places: list[float]
    other: str | None
    other_place: float | None


class OtherReport(TypedDict):
    """The report beside the open one."""

    key: str
    subset: str


class SizeRow(TypedDict):
    """How many clusters of a size the subset touches, and random ones do."""

    label: str
    touched: float
    random: float


class ClassShare(TypedDict):
    """The share of a class in the subset and in the whole set."""

    name: str
    n: int
    subset: float
    set: float
    said: str


class ClassShares(TypedDict):
    """All classes."""

    rows: list[ClassShare]
    hidden: str | None


class ClusterRow(TypedDict):
    """A cluster with its first pictures."""

    cluster: int
    text: str
    pictures: list[Picture]


class ClusterList(TypedDict):
    """Clusters of one kind."""

    kind: str
    title: str
    said: str
    rows: list[ClusterRow]


class ReportPage(TypedDict):
    """One report, with the figures of another beside it."""

    key: str
    subset: str
    headline: str
    said: str
    stale: str | None
    other: OtherReport | None
    measures: list[MeasureRow]
    curves: list[CurveData]
    by_size: list[SizeRow]
    classes: ClassShares | None
    clusters: list[ClusterList]


class ReportData(TypedDict, total=False):
    """All that the panel's view knows."""

    advice: Advice | None
    showing: Showing | None
    reports: ReportHistory | None
    page: ReportPage | None
