"""Pictures are the way up that the App's browser shows, tested against the browser where there is one."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.images.reading import read_image
from PIL import Image, PngImagePlugin, features

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'tiff:Orientation="6"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
BACK = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation → Pillow's transposition that undoes it


def scene() -> Image.Image:
    """(64, 96) red, green / blue, white."""
    tiles = np.array([[[220, 20, 20], [20, 200, 20]], [[30, 30, 220], [255, 255, 255]]], np.uint8)
    return Image.fromarray(tiles.repeat(32, axis=0).repeat(48, axis=1))


def stored(orientation: int) -> tuple[Image.Image, bytes]:
    """As a camera held otherwise stores it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = scene()
    image = image.transpose(Image.Transpose(BACK[orientation])) if orientation in BACK else image
    return image, exif.tobytes()


def corners(image: Image.Image) -> str:
    """The colours of its corners by their first letters, and its size."""
    width, height = image.size
    spots = [(3, 3), (width - 4, 3), (3, height - 4), (width - 4, height - 4)]
    seen = [image.convert("RGB").getpixel(spot) for spot in spots]
    return f"{width}x{height} " + "".join(_letter(*one[:3]) for one in seen)  # type: ignore[index]


def _letter(red: int, green: int, blue: int) -> str:
    return "W" if min(red, green, blue) > 200 else "RGB"[int(np.argmax((red, green, blue)))]


def written(folder: Path) -> dict[str, str]:
    """Files of each format that browsers show, in each orientation → what should be seen."""
    upright, expected = "96x64 RGBW", {}
    for number in range(1, 9):
        image, exif = stored(number)
        for ending in ("jpg", "png", "webp", "avif"):
            if ending == "avif" and not features.check("avif"):
                continue
            options = {"lossless": True} if ending == "webp" else {} if ending == "png" else {"quality": 95}
            image.save(folder / f"{number}.{ending}", exif=exif, **options)
            expected[f"{number}.{ending}"] = corners(image) if ending == "webp" else upright
        image.save(folder / f"{number}.mpo.jpg", "MPO", save_all=True, append_images=[image], exif=exif)
        expected[f"{number}.mpo.jpg"] = upright
    image, _ = stored(6)
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    for ending, options in (("jpg", {"xmp": XMP}), ("png", {"pnginfo": text}), ("webp", {"xmp": XMP})):
        image.save(folder / f"xmp.{ending}", **options)
        expected[f"xmp.{ending}"] = corners(image)
    return expected


def test_read_image__each_orientation(tmp_path: Path) -> None:
    expected = written(tmp_path)
    assert {name: corners(read_image(str(tmp_path / name))) for name in expected} == expected
    for name, seen in expected.items():
        width, height = read_image(str(tmp_path / name)).info["full_size"]
        assert f"{width}x{height}" == seen.split()[0]


@pytest.mark.parametrize("number", range(2, 9))
def test_read_image__tiff_is_turned_once_and_by_its_tag_only(tmp_path: Path, number: int) -> None:
    image, exif = stored(number)
    for compression in ("raw", "tiff_lzw"):
        image.save(tmp_path / "a.tif", exif=exif, compression=compression)
        assert corners(read_image(str(tmp_path / "a.tif"))) == "96x64 RGBW"
    stored(6)[0].save(tmp_path / "b.tif", tiffinfo={700: XMP})
    assert corners(read_image(str(tmp_path / "b.tif"))) == corners(stored(6)[0])


@pytest.mark.slow
def test_read_image__is_what_chromium_shows(tmp_path: Path) -> None:
    from browser import chromium, chromium_path

    if chromium_path() is None:
        pytest.skip("no Chromium on this machine")
    expected = written(tmp_path)
    draw = """async url => {
        const image = new Image(); image.src = url; await image.decode();
        const canvas = document.createElement('canvas');
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        canvas.getContext('2d').drawImage(image, 0, 0); return canvas.toDataURL() }"""
    seen = {}
    with chromium() as browser:
        page = browser.new_page()
        for name in expected:
            ending = name.split(".")[-1].replace("jpg", "jpeg")
            url = f"data:image/{ending};base64," + base64.b64encode((tmp_path / name).read_bytes()).decode()
            (tmp_path / "seen.png").write_bytes(base64.b64decode(page.evaluate(draw, url).split(",")[1]))
            with Image.open(tmp_path / "seen.png") as shown:
                seen[name] = corners(shown)
    assert seen == expected
