#!/usr/bin/env bash
# COCOeval counts a correct detection as wrong when the annotation it matches has the id 0: a match is stored as that id, and 0
# also stands for "no match". A file whose annotation ids begin at 0 is valid COCO, and its average precision is too low by that one object.
# Seen with pycocotools 2.0.11: four objects, all found exactly: AP 0.56 and AR 0.75 with ids 0 to 3, AP 1 and AR 1 with ids 1 to 4.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pycocotools==2.0.11

python - <<'EOF'
import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def scores(first_id):
    box = [10, 10, 50, 50]
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i, "width": 100, "height": 100} for i in range(4)],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [
            {"id": first_id + i, "image_id": i, "category_id": 1, "bbox": box, "area": 2500, "iscrowd": 0} for i in range(4)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes([{"image_id": i, "category_id": 1, "bbox": box, "score": 0.9} for i in range(4)])
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(evaluation.stats[0], 2), round(evaluation.stats[8], 2)


from_zero, from_one = scores(0), scores(1)
print("ids from 0: AP", from_zero[0], "AR", from_zero[1])
print("ids from 1: AP", from_one[0], "AR", from_one[1])
assert from_one == (1.0, 1.0)
assert from_zero == (0.56, 0.75), "it has changed"
EOF
