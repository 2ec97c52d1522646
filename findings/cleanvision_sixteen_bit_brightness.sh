#!/usr/bin/env bash
# CleanVision's scores are documented as lying from 0 to 1. For a 16-bit grey picture brightness is divided by 255 all the same, so the
# dark score of an ordinary 12-bit scan is about 16, and that of one 40 times too dark is 0.4: dark 16-bit scans are never flagged.
# Seen with cleanvision 0.3.7: 15.9 for values up to 4,094; a nearly black scan (values up to 100 of 65,535) is not flagged.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages cleanvision==0.3.7 numpy==2.4.6

python - <<'EOF'
import contextlib
import io
from pathlib import Path

import numpy as np
from cleanvision import Imagelab
from PIL import Image

random = np.random.default_rng(0)
folder = Path("pictures")
folder.mkdir()
for name, top in {"twelve_bit": 4095, "nearly_black": 100}.items():
    Image.fromarray(random.integers(0, top, (50, 50)).astype("uint16")).save(folder / f"{name}.png")
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    lab = Imagelab(data_path=str(folder))
    lab.find_issues({"dark": {}})
scores = {Path(path).stem: round(float(score), 2) for path, score in lab.issues["dark_score"].items()}
flagged = {Path(path).stem: bool(flag) for path, flag in lab.issues["is_dark_issue"].items()}
print("dark scores:", scores, "flagged:", flagged)
assert scores["twelve_bit"] > 10, "it has changed"
assert not flagged["nearly_black"], "it has changed"
EOF
