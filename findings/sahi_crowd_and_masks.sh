#!/usr/bin/env bash
# SAHI reads a COCO file into objects and writes it again without what marks a crowd: iscrowd 1 becomes 0, a mask as run lengths becomes
# an empty one, the stated area is computed anew and image ids are counted from 1. A crowd region is an ordinary object afterwards,
# and predictions filed under the old image ids belong to other pictures. Seen with sahi 0.12.8.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages sahi==0.12.8 numpy==2.4.6

python - <<'EOF'
import json
from pathlib import Path

from sahi.utils.coco import Coco

crowd = {"id": 1, "image_id": 10, "category_id": 7, "bbox": [10, 10, 20, 30], "area": 30, "iscrowd": 1}
crowd["segmentation"] = {"size": [80, 100], "counts": [1000, 30, 6970]}
triangle = {"id": 2, "image_id": 10, "category_id": 7, "bbox": [50, 10, 20, 30], "area": 300, "iscrowd": 0}
triangle["segmentation"] = [[50, 10, 70, 10, 70, 40]]
given = {
    "images": [{"id": 10, "file_name": "a.jpg", "width": 100, "height": 80}],
    "categories": [{"id": 7, "name": "people"}],
    "annotations": [crowd, triangle],
}
Path("given.json").write_text(json.dumps(given))
back = Coco.from_coco_dict_or_path("given.json").json
first = back["annotations"][0]
print("crowd:", first["iscrowd"], "mask:", first["segmentation"], "area:", first["area"], "image id:", back["images"][0]["id"])
assert first["iscrowd"] == 0 and first["segmentation"] == [] and first["area"] == 600, "it has changed"
assert back["images"][0]["id"] == 1, "it has changed"
EOF
