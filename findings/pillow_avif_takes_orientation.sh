#!/usr/bin/env bash
# Saving an AVIF with Pillow takes the orientation out of the Exif object that was passed. A script that saves one picture in several formats with
# the same object turns the AVIF rightly and loses the orientation of every file that comes after it. Seen with Pillow 13.0.0:
# orientation 6 in the JPEG saved before, none in the JPEG saved after.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pillow==13.0.0

python - <<'EOF'
from PIL import Image

tags = Image.Exif()
tags[0x0112] = 6
picture = Image.new("RGB", (80, 40), (200, 30, 30))
found = {}
for name in ("before.jpg", "between.avif", "after.jpg"):
    picture.save(name, exif=tags)
    with Image.open(name) as back:
        found[name] = back.getexif().get(0x0112)
print("orientation in the file:", found)
assert found["before.jpg"] == found["between.avif"] == 6
assert found["after.jpg"] is None, "it has changed"
EOF
