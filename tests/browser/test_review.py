"""A user in the real App reviews label issues: accepts one, excludes one, takes that back, and comes back later."""

from __future__ import annotations

import re
from typing import Any

from browser import open_review
from fiftyone import ViewField as F
from image_curation import curate


def test_review__accept_exclude_undo_reload(page: Any, digits: Any) -> None:
    run = curate(digits, "find_label_issues", key="review_issues", embeddings="embeddings")
    queue = digits.match(F("review_issues_is_issue") == True).sort_by("review_issues_quality").values("id")  # noqa: E712
    given = digits.values("ground_truth.label")
    page.reload()
    open_review(page)
    assert page.get_by_text(run.headline).count()
    _place(page, 1, len(queue))
    page.get_by_role("button", name=re.compile("^Accept")).click()
    _place(page, 2, len(queue))
    page.keyboard.press("x")
    _place(page, 3, len(queue))

    page.keyboard.press("u")
    page.get_by_text("Taken back: excluded").wait_for()
    _place(page, 2, len(queue))
    page.reload()
    _place(page, 2, len(queue))  # the App opens its panels again, and the review goes on

    digits.reload()
    first, second = digits[queue[0]], digits[queue[1]]
    assert first.ground_truth_curated.label == first.review_issues_suggested
    assert first.tags == ["relabelled"]
    assert second.tags == []
    assert digits.values("ground_truth.label") == given
    assert digits.count_sample_tags() == {"relabelled": 1}


def _place(page: Any, number: int, total: int) -> None:
    page.get_by_text(re.compile(rf"^{number} of {total} · ")).wait_for()
