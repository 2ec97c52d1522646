#!/usr/bin/env bash
# Some class names do not survive FiftyOne's exporters: in a tree of folders "indoor/office" and "indoor/kitchen" come back as one class "indoor", and
# KITTI writes "traffic light" with an underscore. KITTI also writes an attribute "occluded" that is true as a word its own importer cannot
# read. Nothing is said on the way out. Seen with fiftyone 1.22.1.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
database

python - <<'EOF'
from pathlib import Path

import fiftyone as fo
from PIL import Image

Path("pictures").mkdir()
dataset = fo.Dataset()
for name in ("office", "kitchen"):
    Image.new("RGB", (100, 80)).save(f"pictures/{name}.png")
    sample = fo.Sample(filepath=str(Path(f"pictures/{name}.png").resolve()))
    sample["place"] = fo.Classification(label=f"indoor/{name}")
    box = fo.Detection(label="traffic light", bounding_box=[0.1, 0.1, 0.2, 0.3])
    sample["things"] = fo.Detections(detections=[box])
    dataset.add_sample(sample)
dataset.compute_metadata()


def back(kind, field, folder):
    dataset.export(export_dir=folder, dataset_type=kind, label_field=field)
    return fo.Dataset.from_dir(dataset_dir=folder, dataset_type=kind)


places = back(fo.types.ImageClassificationDirectoryTree, "place", "tree").distinct("ground_truth.label")
things = back(fo.types.KITTIDetectionDataset, "things", "kitti").distinct("ground_truth.detections.label")
print("places:", places, "things:", things)
for sample in dataset:
    sample.things.detections[0]["occluded"] = True
    sample.save()
try:
    back(fo.types.KITTIDetectionDataset, "things", "occluded")
    own = "read"
except ValueError as error:
    own = str(error)
print("its own KITTI file with occluded = true:", own)
assert places == ["indoor"] and things == ["traffic_light"], "it has changed"
assert own != "read", "it has changed"
EOF
