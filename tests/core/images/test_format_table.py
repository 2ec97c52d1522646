"""Every picture of the table of formats is read rightly, and as Chromium shows it where Chromium does."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.images.previews import needs_preview
from image_curation.core.images.reading import read_image
from PIL import Image

DRAW = """async url => {
    const image = new Image(); image.src = url; await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const paper = canvas.getContext('2d'); paper.fillStyle = 'white';
    paper.fillRect(0, 0, canvas.width, canvas.height); paper.drawImage(image, 0, 0); return canvas.toDataURL() }"""


def test_format_table__each_picture(tmp_path: Path) -> None:
    from format_table import cases, seen

    every = list(cases())
    assert len(every) >= 60
    for case in every:
        said = seen(case, tmp_path)  # raises where it is read wrongly
        assert said.startswith("refused: ") == case.refused
        if not case.refused:
            assert needs_preview(str(tmp_path / f"picture.{case.ending}")) != case.by_browser, case


@pytest.mark.slow
def test_format_table__what_browsers_show_is_as_chromium_shows_it(tmp_path: Path) -> None:
    from browser import chromium, chromium_path
    from format_table import LOSSY, cases

    if chromium_path() is None:
        pytest.skip("no Chromium on this machine")
    off = []
    with chromium() as browser:
        page = browser.new_page()
        for case in cases():
            if not case.by_browser:
                continue
            path = tmp_path / f"picture.{case.ending}"
            case.write(path)
            ours = np.asarray(read_image(str(path)), np.int16)
            url = (
                f"data:image/{case.ending.replace('jpg', 'jpeg')};base64,"
                + base64.b64encode(path.read_bytes()).decode()
            )
            (tmp_path / "seen.png").write_bytes(base64.b64decode(page.evaluate(DRAW, url).split(",")[1]))
            with Image.open(tmp_path / "seen.png") as shown:
                theirs = np.asarray(shown.convert("RGB"), np.int16)
            lossy = case.ending in ("jpg", "avif") or "lossy" in case.what
            if ours.shape != theirs.shape or np.quantile(np.abs(ours - theirs), 0.97) > (LOSSY if lossy else 1):
                off.append(str(case))
    assert not off
