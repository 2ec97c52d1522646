"""The one thing to do next: a table of states, the first that holds tells.

Work in progress comes first, then what waits for it, then what is out of date because of it, and only then what has not
been looked at. Nothing that is advised throws a decision away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ...core.base.method import Method
from ...dataset.runs.record import Run
from ..shared import wording
from ..shared.buttons import form
from ..shared.payloads import Action, Advice
from .payloads import Step


@dataclass(frozen=True)
class Asked:
    """A kind of issue with samples to decide about.

    Attributes:
        key: of the run that points at them.
        title: of the kind, as "Labels that look wrong".
        left, total: samples that nobody has decided about, and all.
        expected: how many of those left are wrong, by the run's probabilities; None where it gives none.
        holds: the run still holds, or is out of date only by what people have decided since.
        word: what one of them is.
    """

    key: str
    title: str
    left: int
    total: int
    expected: float | None = None
    holds: bool = True
    word: str = "sample"

    @property
    def is_begun(self) -> bool:
        """Some are decided, and some are not."""
        return 0 < self.left < self.total


@dataclass(frozen=True)
class Situation:
    """What the advice goes by.

    Attributes:
        running: runs that are going on.
        asked: kinds of issues, the most serious first.
        stale: key → why, of the runs of the whole dataset that do not hold.
        by_work: those of them that only people's decisions have made so.
        labels: key → a run's label.
        checked: there is a finished check.
        of_check: keys of the runs that a check renews.
        todo: the next of the methods that everyone should run.
    """

    running: Sequence[Run] = ()
    asked: Sequence[Asked] = ()
    stale: Mapping[str, str] = field(default_factory=dict)
    by_work: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    checked: bool = False
    of_check: Collection[str] = ()
    todo: Method | None = None

    @property
    def begun(self) -> Asked | None:
        """The review that somebody is in the middle of."""
        return next((one for one in self.asked if one.is_begun), None)

    @property
    def waiting(self) -> Asked | None:
        """The first review to begin."""
        return next((one for one in self.asked if one.left and one.holds), None)

    @property
    def changed(self) -> str | None:
        """The first run that is out of date for another reason than people's decisions."""
        return next((key for key in self.stale if key not in self.by_work), None)


@dataclass(frozen=True)
class State:
    """A row of the table.

    Attributes:
        name: of the state.
        holds: whether the situation is in it.
        says: what to do then.
    """

    name: str
    holds: Callable[[Situation], bool]
    says: Callable[[Situation], Advice]


def next_step(now: Situation) -> Step:
    """What to do."""
    state = next(state for state in STATES if state.holds(now))
    return {"state": state.name, **state.says(now)}


def _wait(now: Situation) -> Advice:
    return _step(f"{now.running[-1].label} is running", "Its results appear here when it ends.")


def _go_on(now: Situation) -> Advice:
    one = now.begun
    assert one is not None
    text = f"{one.total - one.left:,} of {one.total:,} are decided and stay so.{_expected(one)}"
    return _step(f"Next: {_lower(one.title)}, {one.left:,} of {one.total:,} left", text, _review(one))


def _begin(now: Situation) -> Advice:
    one = now.waiting
    assert one is not None
    text = f"{wording.samples(one.left, one.word)} to decide about.{_expected(one)}"
    return _step(f"Next: review {_lower(one.title)}", text, _review(one))


def _look_again(now: Situation) -> Advice:
    key = next(key for key in now.stale if key in now.by_work)
    why = wording.sentence(f"Since the last check, {now.stale[key]}")
    text = f"{why} Your decisions are kept and not asked again."
    if now.checked:
        return _step("Next: check what is left", text, CHECK_AGAIN)
    return _step(f"Next: {_lower(now.labels.get(key, key))} again", text, _again(key))


def _mend(now: Situation) -> Advice:
    key = now.changed
    assert key is not None
    label = now.labels.get(key, key)
    text = wording.sentence(f"{label} is out of date: {now.stale[key]}")
    if now.checked and key in now.of_check:
        return _step("Next: check again", f"{text} What is new is embedded first.", CHECK_AGAIN)
    return _step(f"Next: {_lower(label)} again", text, _again(key))


def _check(now: Situation) -> Advice:
    text = (
        "Labels, copies, leaks, files, outliers and shortcuts: every check that fits. About a minute per 1,000 images."
    )
    return _step("Next: check the dataset", text, {**CHECK_AGAIN, "label": "Check"})


def _run(now: Situation) -> Advice:
    method = now.todo
    assert method is not None
    action = form(method.label, method.name)
    return _step(f"Next: {_lower(method.label)}", method.why_now, action)


def _rest(now: Situation) -> Advice:
    return _step("Nothing is waiting", "Everything that was found is decided. Open any result to look at it again.")


def _step(title: str, text: str, action: Action | None = None) -> Advice:
    return {"title": title, "text": text, "action": action}


def _review(one: Asked) -> Action:
    return {"label": f"Review {one.left:,}", "event": "review", "params": {"key": one.key}}


def _again(key: str) -> Action:
    return {"label": "Run again", "event": "rerun", "params": {"key": key}}


def _expected(one: Asked) -> str:
    if one.expected is None:
        return ""
    n = round(one.expected)
    return f" About {n:,} of those left {'is' if n == 1 else 'are'} wrong."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


CHECK_AGAIN = form("Check again", "check_dataset")

STATES = (
    State("running", lambda now: bool(now.running), _wait),
    State("in progress", lambda now: now.begun is not None, _go_on),
    State("to review", lambda now: now.waiting is not None, _begin),
    State("out of date by work", lambda now: bool(now.by_work), _look_again),
    State("out of date", lambda now: now.changed is not None, _mend),
    State("not checked", lambda now: not now.checked, _check),
    State("more to see", lambda now: now.todo is not None, _run),
    State("done", lambda now: True, _rest),
)
