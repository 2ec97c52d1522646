"""A user in the real App reads a report on a subset, and looks at what the subset misses."""

from __future__ import annotations

import re
from typing import Any

from browser import open_report
from image_curation import curate

COUNTS = "n => parseInt((document.querySelector('[data-cy=entry-counts]')?.innerText ?? '0').replace(/\\D/g, '')) === n"


def test_report__a_cluster_drives_the_grid(page: Any, digits: Any) -> None:
    digits.limit(4).tag_samples("the first")
    try:
        run = curate(digits, "report", key="browser_report", subset="the first", embeddings="embeddings")
        page.reload()
        open_report(page)
        assert page.get_by_text(run.headline).count()
        cluster = run.facts["clusters"]["missed"][0]
        text = re.compile(rf"0 of {cluster['size']} chosen")
        page.get_by_role("button", name=text).first.click()
        page.wait_for_function(COUNTS, arg=cluster["size"])
        page.get_by_role("button", name="Show the subset").click()
        page.wait_for_function(COUNTS, arg=4)
        page.get_by_role("button", name="Show all").click()
        page.wait_for_function(COUNTS, arg=len(digits))
    finally:
        digits.untag_samples("the first")
