"""DICOM pictures of medicine, as a viewer opens them: in units of the modality, in the window that the file asks for.

Of several frames the first is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ranges import Numbers, Range


def read_dicom(path: str, most_pixels: int) -> Numbers | str:
    """Its picture; or why there is none, after "cannot be read:"."""
    import pydicom
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    found = pydicom.dcmread(path)
    if "PixelData" not in found and "FloatPixelData" not in found and "DoubleFloatPixelData" not in found:
        return "it is a DICOM file without a picture"
    if int(found.Rows) * int(found.Columns) > most_pixels:
        return f"{found.Columns} x {found.Rows} pixels are more than is safe to decode"
    try:
        values = pixel_array(found, index=0)
    except RuntimeError as error:  # said where a decoder is missing
        if "pip install" in str(error) or "missing" in str(error) or "plugin" in str(error):
            syntax = found.file_meta.TransferSyntaxUID.name
            return f"its compression ({syntax}) needs pylibjpeg; pip install 'pylibjpeg[all]'"
        raise
    photometric = str(found.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        values = apply_color_lut(values, found)
    if values.ndim == 3:
        bits = 8 if values.dtype.itemsize == 1 else int(found.BitsStored)
        return Numbers(values[..., :3], shown_in=(0.0, 2.0**bits - 1))
    values = np.asarray(apply_modality_lut(values, found))
    return Numbers(values, white_is_low=photometric == "MONOCHROME1", shown_in=_window(found))


def _window(found: Any) -> Range | None:
    """The first window that the file asks for, in the units of the modality."""
    if "WindowCenter" not in found or "WindowWidth" not in found:
        return None
    centre, width = (np.atleast_1d(found[name].value)[0] for name in ("WindowCenter", "WindowWidth"))
    return float(centre) - float(width) / 2, float(centre) + float(width) / 2
