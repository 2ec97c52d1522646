#!/usr/bin/env bash
# CleanVision 0.3.7 looks at the stored numbers of a palette picture (PNG-8, GIF), not at its colours, and compares pixel bytes without
# the picture's shape. So two pictures of other colours are "exact duplicates", a bright one is "dark", and a wide picture is an exact
# duplicate of a tall one. Seen: {blue, red} and {tall, wide} as exact duplicates; dark score 0.01 (0 is dark) for a picture of yellow and white.
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
entries = random.integers(0, 4, (64, 64)).astype("uint8")
palettes = {
    "red": [255, 0, 0, 200, 0, 0, 120, 0, 0, 30, 0, 0],
    "bright": [255, 255, 0, 255, 255, 120, 255, 255, 200, 255, 255, 255],
}
for name, palette in palettes.items():
    picture = Image.fromarray(entries, "P")
    picture.putpalette(palette + [0] * (768 - len(palette)))
    picture.save(folder / f"{name}.png")
pixels = random.integers(0, 255, (30, 60, 3)).astype("uint8")
Image.fromarray(pixels).save(folder / "wide.png")
Image.fromarray(pixels.reshape(60, 30, 3)).save(folder / "tall.png")

with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    lab = Imagelab(data_path=str(folder))
    lab.find_issues()
sets = sorted(sorted(Path(path).stem for path in one) for one in lab.info["exact_duplicates"]["sets"])
dark = {Path(path).stem: round(float(score), 2) for path, score in lab.issues["dark_score"].items()}
brightest = np.asarray(Image.open(folder / "bright.png").convert("L")).mean()
print("exact duplicates:", sets)
print("dark score of the bright picture:", dark["bright"], "its mean grey:", round(float(brightest)))
assert brightest > 220
assert sets == [["bright", "red"], ["tall", "wide"]] and dark["bright"] < 0.05, "it has changed"
EOF
