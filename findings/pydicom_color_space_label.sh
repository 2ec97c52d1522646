#!/usr/bin/env bash
# pydicom 3 turns YCbCr pixels to RGB when pixel_array is asked, which pydicom 2 did not, and leaves PhotometricInterpretation at YBR_FULL.
# Code that looks at that field and converts, as was needed before, converts twice: red becomes (255, 140, 0) or the like.
# Seen with pydicom 3.0.2: the stored triple (76, 85, 255) is handed over as (254, 0, 0), labelled YBR_FULL.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pydicom==3.0.2 numpy==2.4.6

python - <<'EOF'
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import convert_color_space
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

pixels = np.empty((4, 4, 3), "uint8")
pixels[:] = 76, 85, 255  # red, in YCbCr
scan = Dataset()
scan.file_meta = FileMetaDataset()
scan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
scan.file_meta.MediaStorageSOPClassUID = scan.SOPClassUID = SecondaryCaptureImageStorage
scan.file_meta.MediaStorageSOPInstanceUID = scan.SOPInstanceUID = generate_uid()
scan.Rows, scan.Columns, scan.SamplesPerPixel, scan.PlanarConfiguration = 4, 4, 3, 0
scan.BitsAllocated = scan.BitsStored = 8
scan.HighBit, scan.PixelRepresentation = 7, 0
scan.PhotometricInterpretation = "YBR_FULL"
scan.PixelData = pixels.tobytes()
scan.save_as("scan.dcm", enforce_file_format=True)

read = dcmread("scan.dcm")
once = read.pixel_array
twice = convert_color_space(once, read.PhotometricInterpretation, "RGB")
print("pixel_array:", once[0, 0].tolist(), "labelled", read.PhotometricInterpretation)
print("converted by that label:", twice[0, 0].tolist())
assert once[0, 0].tolist() == [254, 0, 0] and read.PhotometricInterpretation == "YBR_FULL", "it has changed"
EOF
