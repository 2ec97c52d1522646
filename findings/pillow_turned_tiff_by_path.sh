#!/usr/bin/env bash
# An uncompressed TIFF in mode L, RGBA or CMYK whose orientation turns it by 90 degrees comes out scrambled, and with width and height swapped, when Pillow
# opens it by its path; opened as a file object it is right, and RGB is right both ways. No error, no warning: by path the pixels seem to be laid out by the
# size they have once turned (memory mapping is used for these modes only), and turned after that.
# Seen with Pillow 13.0.0: orientation 6, 64 x 48 upright: by path (48, 64) and wrong for L, RGBA and CMYK.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pillow==13.0.0 numpy==2.4.6

python - <<'EOF'
import numpy as np
from PIL import Image

BANDS = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}
numbers = np.random.default_rng(0).integers(0, 256, (48, 64, 4), dtype=np.uint8)
right = {}
for mode, bands in BANDS.items():
    shape = (64, 48)
    upright = Image.frombytes(mode, shape, numbers[..., :bands].tobytes())
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save("turned.tif", exif=exif)
    by_path = Image.open("turned.tif")
    by_path.load()
    with open("turned.tif", "rb") as file:
        by_file = Image.open(file)
        by_file.load()
    right[mode] = [one.size == shape and one.tobytes() == upright.tobytes() for one in (by_path, by_file)]
    print(f"{mode}: by path {by_path.size}, right {right[mode][0]}; as a file object {by_file.size}, right {right[mode][1]}")
expected = {"L": [False, True], "RGB": [True, True], "RGBA": [False, True], "CMYK": [False, True]}
assert right == expected, "it has changed"
EOF
