#!/usr/bin/env bash
# "Looked at, nothing there" and "not yet labelled" are two things in FiftyOne ([] and None). Exported and imported again they are kept apart by one of
# six formats: CVAT, BDD and COCO give an image without objects back as unlabelled, YOLO and VOC drop the unlabelled image, CVAT and BDD too.
# Seen with fiftyone 1.22.1; FiftyOneImageDetectionDataset keeps both.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
database pycocotools==2.0.11

python - <<'EOF'
from pathlib import Path

import fiftyone as fo
from PIL import Image

Path("pictures").mkdir()
dataset = fo.Dataset()
labels = {"cup": [fo.Detection(label="cup", bounding_box=[0.1, 0.1, 0.2, 0.3])], "empty": [], "unlabelled": None}
for name, boxes in labels.items():
    Image.new("RGB", (100, 80)).save(f"pictures/{name}.png")
    sample = fo.Sample(filepath=str(Path(f"pictures/{name}.png").resolve()))
    sample["given"] = None if boxes is None else fo.Detections(detections=boxes)
    dataset.add_sample(sample)
dataset.compute_metadata()
seen = {}
for name in ("FiftyOneImageDetection", "YOLOv5", "VOCDetection", "CVATImage", "BDD", "COCODetection"):
    kind = getattr(fo.types, f"{name}Dataset")
    dataset.export(export_dir=name, dataset_type=kind, label_field="given")
    back = fo.Dataset.from_dir(dataset_dir=name, dataset_type=kind)
    schema = back.get_field_schema(embedded_doc_type=fo.Detections)
    field = next(iter(schema))
    said = {Path(sample.filepath).stem: sample[field] for sample in back}
    words = {stem: "unlabelled" if one is None else f"{len(one.detections)} boxes" for stem, one in said.items()}
    seen[name] = (words.get("empty", "gone"), words.get("unlabelled", "gone"))
    print(f"{name}: the empty image is {seen[name][0]}, the unlabelled one is {seen[name][1]}")
expected = {"FiftyOneImageDetection": ("0 boxes", "unlabelled"), "COCODetection": ("unlabelled", "unlabelled")}
expected |= dict.fromkeys(["YOLOv5", "VOCDetection"], ("0 boxes", "gone")) | dict.fromkeys(["CVATImage", "BDD"], ("unlabelled", "gone"))
assert seen == expected, "it has changed"
EOF
