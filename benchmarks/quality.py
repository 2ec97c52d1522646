"""Quality checks: ours against CleanVision on the same image files, and how well each tells planted blur.

The "vectors" handed to contestants are paths, (n, 1) text. A solution is a blur score per file, low for blurry; it
comes with all the other checks that the contestant has. CPU seconds do not count CleanVision's worker processes, so
that one process is measured as well.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, Contestant, main, recorded

CHECKS = ("dark", "light", "odd_aspect_ratio", "low_information", "blurry", "grayscale", "odd_size")
BLURRED = "_blurred_"


def photos() -> Any:
    """(n, 1) paths of the photos of ants, bees and COCO, about 500 to 640 pixels."""
    found = [path for folder in ("hymenoptera", "coco256") for path in sorted((SHARED / folder).rglob("*.jpg"))]
    return np.array([str(path) for path in found])[:, None]


def planted(radius: int) -> Any:
    """(n, 1) paths of every second photo, and of the same blurred by a Gaussian of that many pixels."""
    from PIL import Image, ImageFilter

    folder = Path(tempfile.gettempdir()) / f"curator_blurred_{radius}"
    folder.mkdir(exist_ok=True)
    paths = []
    for number, path in enumerate(photos()[::2, 0]):
        with Image.open(path) as image:
            sharp = image.convert("RGB")
        for name, made in (("_sharp_", sharp), (BLURRED, sharp.filter(ImageFilter.GaussianBlur(radius)))):
            made.save(folder / f"{name}{number}.jpg", quality=90)
            paths.append(str(folder / f"{name}{number}.jpg"))
    return np.array(paths)[:, None]


def ours(paths: Any) -> Any:
    """`find_quality_issues`, all checks."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.quality.find_quality_issues import QualityParams, find_quality_issues

    files = [str(path) for path in paths[:, 0]]
    return find_quality_issues(Inputs(n=len(files), paths=files), QualityParams(), silent).values["blurry"]


def cleanvision(paths: Any, processes: int | None) -> Any:
    """CleanVision's checks of single images; its search for duplicates is left out."""
    import contextlib
    import io

    from cleanvision import Imagelab

    files = [str(path) for path in paths[:, 0]]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        lab = Imagelab(filepaths=files)
        lab.find_issues({check: {} for check in CHECKS}, n_jobs=processes, verbose=False)
    return lab.issues.loc[files, "blurry_score"].to_numpy()


def score(paths: Any, sharp: Any) -> dict[str, float]:
    """AUROC of planted blur, where there is any."""
    from sklearn.metrics import roc_auc_score

    blurred = [Path(str(path)).name.startswith(BLURRED) for path in paths[:, 0]]
    return {"AUROC of blur": float(roc_auc_score(blurred, -np.asarray(sharp)))} if any(blurred) else {}


CONTESTANTS = {
    "ours": Contestant(ours),
    "CleanVision, its default processes": Contestant(lambda paths: cleanvision(paths, None)),
    "CleanVision, one process": Contestant(lambda paths: cleanvision(paths, 1)),
}
DATA = {
    "photos": photos,
    "photos and the same blurred by 2 pixels": lambda: planted(2),
    "photos and the same blurred by 4 pixels": lambda: planted(4),
    "photos and the same blurred by 8 pixels": lambda: planted(8),
}

if __name__ == "__main__":
    with recorded(__file__):
        main("Quality of image files", CONTESTANTS, DATA, score, warm_rows=20)
