#!/usr/bin/env bash
# tifffile.imwrite of an array (height, width, channels) makes a colour picture for 3 and 4 channels only. With 2, 5, 6 ... channels
# it writes one page for every row, each (width, channels) pixels. imread restores the array from a description in the file, so nothing
# is noticed until another program opens it: a two-band picture of 64 x 48 is there 64 pictures of 2 x 48.
# Seen with tifffile 2026.3.3 and Pillow 13.0.0. planarconfig="contig" with photometric="minisblack" writes one page.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages tifffile==2026.3.3 pillow==13.0.0 numpy==2.4.6

python - <<'EOF'
import numpy as np
import tifffile
from PIL import Image

seen = {}
for channels in (2, 3, 4, 5):
    pixels = np.zeros((64, 48, channels), "uint8")
    tifffile.imwrite("picture.tif", pixels)
    assert tifffile.imread("picture.tif").shape == pixels.shape
    with Image.open("picture.tif") as picture:
        seen[channels] = (picture.n_frames, *picture.size)
    print(channels, "channels: pages, width, height =", seen[channels])
tifffile.imwrite("picture.tif", np.zeros((64, 48, 5), "uint8"), photometric="minisblack", planarconfig="contig")
with tifffile.TiffFile("picture.tif") as file:
    print("said explicitly:", len(file.pages), "page of", file.pages[0].shape)
    assert len(file.pages) == 1
assert seen == {2: (64, 2, 48), 3: (1, 48, 64), 4: (1, 48, 64), 5: (64, 5, 48)}, "it has changed"
EOF
