"""A user in the real App selects two samples and compares them: how alike they are, and what a model says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from browser import open_comparison, select_in_grid
from image_curation import curate
from image_curation.dataset.runs.forget import forget


@pytest.fixture
def judged(digits: Any) -> Iterator[Any]:
    """The digits with what a classifier says of each."""
    curate(digits, "train_classifier", key="compared", embeddings="embeddings", folds=2)
    yield digits
    forget(digits, "compared")


def test_compare__two_selected_samples(page: Any, judged: Any) -> None:
    page.reload()
    open_comparison(page)
    select_in_grid(page, 2)
    alike, says = page.get_by_role("table").nth(0), page.get_by_role("table").nth(1)
    page.get_by_text("How alike they are", exact=True).wait_for()
    shown = [float(text) for text in alike.get_by_role("cell").all_inner_texts()]
    samples = list(judged.limit(2))
    unit = [sample.embeddings / np.linalg.norm(sample.embeddings) for sample in samples]
    assert shown == pytest.approx([1, unit[0] @ unit[1], unit[0] @ unit[1], 1], abs=0.006)

    page.get_by_text("What a model says", exact=True).wait_for()
    logits = np.stack([sample.compared_prediction.logits for sample in samples])
    assert _largest(says) == pytest.approx(_softmax(logits).max(), abs=0.006)
    slider = page.get_by_label("Temperature", exact=True)
    slider.focus()
    for _ in range(8):
        slider.press("ArrowRight")  # a quarter of a doubling each
    page.get_by_text(re.compile("Temperature: 4.00")).wait_for()
    assert _largest(says) == pytest.approx(_softmax(logits / 4).max(), abs=0.006)


def test_compare__the_sample_that_is_open_in_the_modal(page: Any, judged: Any) -> None:
    page.reload()
    page.get_by_test_id("looker").first.click()
    modal = page.get_by_test_id("modal")
    modal.get_by_text(re.compile("Curation.Compare")).first.click()
    modal.get_by_text("What a model says", exact=True).wait_for()
    logits = np.asarray(judged.first().compared_prediction.logits)[None]
    assert _largest(modal.get_by_role("table").last) == pytest.approx(_softmax(logits).max(), abs=0.006)
    assert modal.get_by_text("this one", exact=True).count() == 1, "its neighbors, three by three with itself"


def _largest(table: Any) -> float:
    return max(float(text) for text in table.get_by_role("cell").all_inner_texts())


def _softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
