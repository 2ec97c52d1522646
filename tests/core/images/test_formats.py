"""Formats that some package reads: read where it is installed, else a sentence that says which to install."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_curation.core.images.formats import HEIF, SUFFIXES, is_installed, kind_of
from image_curation.core.images.pixels import look_at
from image_curation.core.images.reading import UnreadableImage, read_image
from PIL import Image

GREY = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))


def test_suffixes__what_phones_and_hospitals_bring() -> None:
    assert {".heic", ".avif", ".jfif", ".apng", ".jpx", ".j2k", ".tga", ".qoi", ".dib", ".dcm", ".jxl"} <= SUFFIXES
    assert all(ending == ending.lower() and ending[0] == "." for ending in SUFFIXES)


@pytest.mark.parametrize("ending", ["jfif", "apng", "jpx", "j2k", "tga", "qoi", "dib", "pcx", "pnm", "ico", "jp2"])
def test_read_image__by_pillow(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    picture = Image.fromarray(GREY).convert("RGB")
    if ending == "qoi":
        picture.save(path)
    else:
        kinds = {"jfif": "JPEG", "apng": "PNG", "dib": "DIB", "pnm": "PPM", "jpx": "JPEG2000", "j2k": "JPEG2000"}
        picture.save(path, kinds.get(ending), **({"sizes": [(64, 48)]} if ending == "ico" else {}))
    assert np.abs(np.asarray(read_image(str(path)))[..., 0].astype(int) - GREY).max() <= 2


def dicom(path: Path, values: np.ndarray, photometric: str = "MONOCHROME2", **more: object) -> str:
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    found = pydicom.dataset.Dataset()
    found.file_meta = meta
    found.SOPClassUID, found.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    found.Rows, found.Columns = values.shape[:2]
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, photometric
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 16, 15
    found.PixelRepresentation = int(values.dtype.kind == "i")
    found.PixelData = values.tobytes()
    for name, value in more.items():
        setattr(found, name, value)
    found.save_as(path, enforce_file_format=True)
    return str(path)


def test_read_image__dicom_in_its_window(tmp_path: Path) -> None:
    """Stored 0 to 2,520 less 1,024; window 236 wide about 100 shows -18 as black and 218 as white."""
    stored = GREY.astype(np.int16) * 10
    slope = {"RescaleSlope": "1", "RescaleIntercept": "-1024", "WindowCenter": "100", "WindowWidth": "236"}
    image = read_image(dicom(tmp_path / "a.dcm", stored, **slope))
    expected = np.clip((stored - 1024.0 + 18) / 236 * 255, 0, 255)
    assert np.abs(np.asarray(image)[..., 0] - expected).max() <= 1
    negative = read_image(dicom(tmp_path / "b.dcm", stored, "MONOCHROME1", **slope))
    assert np.abs(255 - np.asarray(negative)[..., 0] - expected).max() <= 1


def test_read_image__heif(tmp_path: Path) -> None:
    """A file whose first bytes say HEIF, and nothing else: damaged, or which package would read it."""
    path = tmp_path / "a.heic"
    path.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    assert kind_of(path.read_bytes()) == HEIF
    said = "damaged|no image" if is_installed(HEIF) else "it is a HEIF picture, which needs pillow-heif; pip install"
    with pytest.raises(UnreadableImage, match=said):
        read_image(str(path))


def test_look_at__white_drawings_on_clear_ground_differ(tmp_path: Path) -> None:
    """They are shown on black, and no two of them are equal."""
    looks = []
    for number in range(4):
        alpha = np.zeros((40, 40), np.uint8)
        alpha[4 * number : 4 * number + 9, 5:30] = 255
        drawing = Image.new("RGBA", (40, 40), "white")
        drawing.putalpha(Image.fromarray(alpha))
        drawing.save(tmp_path / f"{number}.png")
        image = read_image(str(tmp_path / f"{number}.png"))
        assert np.array_equal(np.asarray(image)[..., 0], alpha)
        looks.append(look_at(image).digest)
    assert len(set(looks)) == 4
    red = Image.new("RGBA", (8, 8), (200, 0, 0, 255))
    red.putpixel((0, 0), (0, 0, 0, 0))
    red.save(tmp_path / "red.png")
    assert read_image(str(tmp_path / "red.png")).getpixel((0, 0)) == (255, 255, 255)


def test_look_at__one_picture_of_16_and_8_bits(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "8.png")
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(GREY).convert("RGBA").save(tmp_path / "opaque.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(GREY).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=turned.tobytes())
    names = ("8.png", "16.png", "opaque.png", "turned.png")
    assert len({look_at(read_image(str(tmp_path / name))).digest for name in names}) == 1
