#!/usr/bin/env bash
# COCOeval reads an annotation's "ignore" and then replaces it by "iscrowd": an object that was marked with ignore = 1 alone, so that
# nobody has to find it, still counts as missed. Only iscrowd = 1 leaves it out (and lets many detections match it).
# Seen with pycocotools 2.0.11: one object found, one marked to be ignored and not found: recall 0.5 with "ignore", 1.0 with "iscrowd".
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pycocotools==2.0.11

python - <<'EOF'
import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def recall(**flags):
    truth = COCO()
    one = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    truth.dataset = {
        "images": [{"id": 1, "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [
            {**one, "id": 1, "bbox": [10, 10, 50, 50], "area": 2500},
            {**one, "id": 2, "bbox": [70, 70, 20, 20], "area": 400, **flags},
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes([{"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50], "score": 0.9}])
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[8]


ignored, crowd = recall(ignore=1), recall(iscrowd=1)
print("recall with ignore = 1:", ignored)
print("recall with iscrowd = 1:", crowd)
assert crowd == 1.0
assert ignored == 0.5, "it has changed"
EOF
