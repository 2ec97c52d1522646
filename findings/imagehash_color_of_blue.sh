#!/usr/bin/env bash
# ImageHash's colorhash calls a pixel black when its grey value is below 32. Pure blue has the grey value 29, so a plain blue picture has
# the hash of a black one, distance 0, while plain red and plain green differ from it. Blue night scenes, skies of synthetic pictures and
# blue logos fall together with black frames. Seen with ImageHash 4.3.2 and Pillow 13.0.0.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages ImageHash==4.3.2 pillow==13.0.0 numpy==2.4.6

python - <<'EOF'
import imagehash
from PIL import Image

colors = {"black": (0, 0, 0), "blue": (0, 0, 255), "red": (255, 0, 0), "green": (0, 255, 0)}
hashes = {name: imagehash.colorhash(Image.new("RGB", (64, 64), color)) for name, color in colors.items()}
for name, value in hashes.items():
    print(f"{name}: {value}, distance to black {value - hashes['black']}")
assert hashes["red"] - hashes["black"] > 0 and hashes["green"] - hashes["black"] > 0
assert hashes["blue"] - hashes["black"] == 0, "it has changed"
EOF
