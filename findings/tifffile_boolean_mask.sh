#!/usr/bin/env bash
# tifffile writes a boolean array as MinIsWhite and stores its bits as they are. tifffile itself gives the same array back; a reader that
# obeys the tag shows True as black and False as white. A mask saved so has foreground and background exchanged in the next program.
# Seen with tifffile 2026.3.3: True at the left is 0 (black) there in Pillow 13.0.0 and OpenCV 5.0.0.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages tifffile==2026.3.3 pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6

python - <<'EOF'
import cv2
import numpy as np
import tifffile
from PIL import Image

mask = np.zeros((8, 16), bool)
mask[:, :4] = True
tifffile.imwrite("mask.tif", mask)
with tifffile.TiffFile("mask.tif") as file:
    print("declared:", file.pages[0].photometric.name)
readers = {
    "tifffile": tifffile.imread("mask.tif"),
    "Pillow": np.asarray(Image.open("mask.tif").convert("L")),
    "OpenCV": cv2.imread("mask.tif", cv2.IMREAD_GRAYSCALE),
}
left = {name: bool(pixels[0, 0]) for name, pixels in readers.items()}
right = {name: bool(pixels[0, -1]) for name, pixels in readers.items()}
print("where the mask is True:", left)
print("where it is False:", right)
assert left == {"tifffile": True, "Pillow": False, "OpenCV": False}, "it has changed"
assert right == {"tifffile": False, "Pillow": True, "OpenCV": True}, "it has changed"
EOF
