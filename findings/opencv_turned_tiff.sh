#!/usr/bin/env bash
# OpenCV gives None for a TIFF that is not square and whose orientation turns it by a quarter (5 to 8); without the tag the same pixels are
# read. Loops that skip None lose every picture that a scanner or a phone stored lying, though TIFF has had the tag since 1992.
# Seen with opencv-python-headless 5.0.0.93: None for orientations 5 to 8 of a TIFF of 40 x 80, a picture for 1 to 4 and for JPEG.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6

python - 2>/dev/null <<'EOF'
import cv2
from PIL import Image

read = {}
for suffix in ("tif", "jpg"):
    for orientation in range(1, 9):
        tags = Image.Exif()
        tags[0x0112] = orientation
        Image.new("RGB", (80, 40), (200, 30, 30)).save(f"picture.{suffix}", exif=tags)
        picture = cv2.imread(f"picture.{suffix}")
        read[suffix, orientation] = None if picture is None else picture.shape[:2]
for suffix in ("tif", "jpg"):
    print(suffix, [read[suffix, orientation] for orientation in range(1, 9)])
assert all(read["jpg", orientation] == (80, 40) for orientation in range(5, 9))
assert all(read["tif", orientation] == (40, 80) for orientation in range(1, 5))
assert all(read["tif", orientation] is None for orientation in range(5, 9)), "it has changed"
EOF
