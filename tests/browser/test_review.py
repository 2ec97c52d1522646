"""A user in the real App reviews what was found: one by one, side by side, and in two browsers at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser import grid_count, open_app, open_curation, open_review, open_run
from image_curation import act, curate
from image_curation.dataset.decisions import decisions


@pytest.fixture
def queue(digits: Any) -> list[str]:
    """Ids of the five worst label issues, run `review_issues`, in the order of the review; nothing is decided yet."""
    if "review_issues" not in digits.list_runs():
        curate(digits, "find_label_issues", key="review_issues", embeddings="embeddings")
    decisions.undo(digits, 10_000)
    ids = list(digits.exists("review_issues_quality").sort_by("review_issues_quality").limit(5).values("id"))
    digits.set_values("review_issues_is_issue", [one in ids for one in digits.values("id")])
    return ids


def test_review__accept_relabel_exclude_undo_reload(page: Any, digits: Any, queue: list[str]) -> None:
    given = digits.values("ground_truth.label")
    page.reload()
    open_review(page)
    _choose(page, "review_issues")
    _place(page, 1, len(queue))
    for number in (2, 3, 4):
        page.get_by_role("button", name=re.compile("^Accept suggestion")).click()
        _place(page, number, len(queue))
    page.keyboard.press("c")
    page.keyboard.type("a new class")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("^New class")).click()
    _place(page, 5, len(queue))
    page.keyboard.press("k")
    page.get_by_text(f"All {len(queue)} samples are decided").wait_for()
    page.keyboard.press("u")
    page.get_by_text("Taken back: kept").wait_for()
    _place(page, 5, len(queue))
    page.reload()
    _place(page, 5, len(queue))  # the App opens its panels again, and the review goes on
    page.keyboard.press("u")  # and what was decided before the reload can be taken back
    page.get_by_text("Taken back: labelled a new class").wait_for()
    _place(page, 4, len(queue))
    page.keyboard.press("c")
    page.keyboard.type("another")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("^New class")).click()
    _place(page, 5, len(queue))
    page.keyboard.press("x")
    page.get_by_text(f"All {len(queue)} samples are decided").wait_for()

    digits.reload()
    samples = [digits[one] for one in queue]
    assert [one.tags for one in samples] == [["relabelled"]] * 4 + [["excluded"]]
    assert [one.ground_truth_curated.label for one in samples[:3]] == [
        one.review_issues_suggested for one in samples[:3]
    ]
    assert samples[3].ground_truth_curated.label == "another"
    assert samples[4].curation_reason == "unusable"
    assert digits.values("ground_truth.label") == given
    assert len(digits.load_saved_view("curated")) == len(digits) - 1


def test_review__a_range_side_by_side(page: Any, digits: Any, queue: list[str]) -> None:
    page.reload()
    open_review(page)
    _choose(page, "review_issues")
    page.get_by_role("button", name="Side by side").click()
    pictures = page.locator("[data-picture]")
    page.get_by_text("0 marked").wait_for()
    ids = [pictures.nth(i).get_attribute("data-picture") for i in range(4)]
    pictures.nth(0).click()
    pictures.nth(3).click(modifiers=["Shift"])
    page.get_by_text("4 marked").wait_for()
    page.keyboard.press("a")
    page.get_by_text("4 samples relabelled.").wait_for()
    assert sorted(digits.match_tags("relabelled").values("id")) == sorted(ids)
    page.get_by_role("button", name="Undo (U)").click()
    page.get_by_text("Taken back: relabelled").wait_for()
    assert digits.count_sample_tags() == {}
    page.get_by_role("button", name="One by one").click()
    _place(page, 1, len(queue))


def test_two_browsers__review_one_dataset(browser: Any, address: str, digits: Any, queue: list[str]) -> None:
    one, other = open_app(browser, address), open_app(browser, address)
    try:
        for page in (one, other):
            open_review(page)
            _choose(page, "review_issues")
            _place(page, 1, len(queue))
        one.get_by_role("button", name=re.compile("^Accept suggestion")).click()
        _place(one, 2, len(queue))
        other.get_by_role(
            "button", name=re.compile("^Accept suggestion")
        ).click()  # still looks at the first: the same once more
        _place(other, 2, len(queue))
        one.get_by_role("button", name="Exclude (X)").click()
        _place(one, 3, len(queue))
        other.get_by_role("button", name="Skip (S)").click()
        _place(other, 3, len(queue))
        other.get_by_role("button", name=re.compile("^Keep")).click()
        _place(other, 4, len(queue))
        one.get_by_role("button", name="Skip (S)").click()
        _place(one, 4, len(queue))  # what the other browser decided is not asked again
        assert one.get_by_text("3 of").count()
    finally:
        one.context.close()
        other.context.close()
    digits.reload()
    assert [digits[sample].tags for sample in queue[:3]] == [["relabelled"], ["excluded"], ["kept"]]
    assert act(digits, "undo", steps=9)["steps"] == 3  # the same decision twice is one
    assert digits.count_sample_tags() == {}


def test_keys__at_once_and_not_in_text_or_the_viewer(page: Any, digits: Any, queue: list[str]) -> None:
    page.reload()
    open_review(page)
    _place(page, 1, len(queue))
    page.keyboard.press("s")  # nothing was clicked in the panel
    _place(page, 2, len(queue))
    page.get_by_title("Open in the App").click()
    viewer = page.get_by_test_id("modal")
    viewer.wait_for()
    for key in "kxa":
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    viewer.wait_for(state="hidden")
    _place(page, 2, len(queue))
    page.keyboard.press("s")
    _place(page, 3, len(queue))
    page.keyboard.press("c")
    page.keyboard.type("kxs")
    field = page.get_by_label("Another class, or a new one (C)")
    assert field.input_value() == "kxs"
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    _place(page, 4, len(queue))
    assert digits.count_sample_tags() == {}


def test_keys__work_after_a_button_of_another_panel(page: Any, digits: Any, queue: list[str]) -> None:
    page.reload()
    open_curation(page)
    open_run(page, "Find label issues")
    page.get_by_role("button", name="Review", exact=True).first.click()
    page.get_by_label("Run to review").wait_for()
    _choose(page, "review_issues")
    page.get_by_text(re.compile(rf"^\d of {len(queue)} · ")).wait_for()
    page.keyboard.press("k")
    page.get_by_text(re.compile(f"^1 of {len(queue)} decided")).wait_for()
    page.keyboard.press("u")
    page.get_by_text("Taken back: kept").wait_for()


def test_grid__shows_the_queue(page: Any, digits: Any, queue: list[str]) -> None:
    page.reload()
    open_review(page)
    _choose(page, "review_issues")
    page.get_by_role("button", name="In the grid").click()
    page.wait_for_function(
        "n => parseInt(document.querySelector('[data-cy=entry-counts]')?.innerText ?? '0') === n", arg=len(queue)
    )
    page.get_by_role("button", name="Show all in the grid").click()
    page.wait_for_function(
        "n => parseInt((document.querySelector('[data-cy=entry-counts]')?.innerText ?? '0').replace(/\\D/g, '')) === n",
        arg=len(digits),
    )
    assert grid_count(page) == len(digits)


def _choose(page: Any, key: str) -> None:
    """Review that run, if another one is open."""
    chooser = page.get_by_label("Run to review")
    if key not in chooser.inner_text():
        chooser.locator("[role=combobox]").or_(chooser).first.click()
        page.get_by_role("option", name=re.compile(f"· {key}$")).click()
    page.get_by_label("Run to review").get_by_text(re.compile(key)).wait_for()


def _place(page: Any, number: int, total: int) -> None:
    page.get_by_text(re.compile(rf"^{number} of {total} · ")).wait_for()
