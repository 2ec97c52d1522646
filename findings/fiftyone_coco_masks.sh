#!/usr/bin/env bash
# FiftyOne's COCO exporter writes an instance mask as polygons, hole included: the hole is one more polygon, and COCO's polygons are joined, not
# subtracted, so it is filled when the file is read. "area" is that of the box, not of the mask, so thin objects change between
# COCO's small, medium and large. Seen with fiftyone 1.22.1: a mask of 600 pixels comes back with 700, stated area 960.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
database pycocotools==2.0.11

python - <<'EOF'
import json
from pathlib import Path

import fiftyone as fo
import numpy as np
from PIL import Image

Path("pictures").mkdir()
Image.new("RGB", (100, 80)).save("pictures/ring.png")
mask = np.zeros((24, 40), bool)
mask[2:22, 2:38] = True
mask[8:14, 10:30] = False
sample = fo.Sample(filepath=str(Path("pictures/ring.png").resolve()))
sample["rings"] = fo.Detections(detections=[fo.Detection(label="ring", bounding_box=[0.5, 0.5, 0.4, 0.3], mask=mask)])
dataset = fo.Dataset()
dataset.add_sample(sample)
kind = fo.types.COCODetectionDataset
dataset.export(export_dir="coco", dataset_type=kind, label_field="rings")
written = json.loads(Path("coco/labels.json").read_text())["annotations"][0]
back = fo.Dataset.from_dir(dataset_dir="coco", dataset_type=kind, label_types=["segmentations"])
field = next(name for name, one in back.get_field_schema().items() if getattr(one, "document_type", None) is fo.Detections)
pixels = int(np.count_nonzero(back.first()[field].detections[0].mask))
print("mask:", int(mask.sum()), "pixels; read back:", pixels, "; area in the file:", written["area"], "; polygons:", len(written["segmentation"]))
assert written["area"] == 960, "it has changed"
assert pixels > 680, "it has changed"
EOF
