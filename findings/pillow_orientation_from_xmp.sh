#!/usr/bin/env bash
# A picture without Exif whose XMP packet says tiff:Orientation 6 (as photo managers write it) is turned by Pillow's exif_transpose: getexif() gives an
# orientation that no Exif holds. OpenCV leaves it as stored, and so do browsers. Boxes drawn in one lie elsewhere in the other.
# Seen with Pillow 13.0.0 and OpenCV 5.0.0 for JPEG, PNG and WebP: 40 x 80 turned against 80 x 40 stored.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6

python - <<'EOF'
import cv2
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

packet = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
text = PngInfo()
text.add_itxt("XML:com.adobe.xmp", packet)
sizes = {}
for suffix, settings in {"jpg": {"xmp": packet.encode()}, "png": {"pnginfo": text}, "webp": {"xmp": packet.encode()}}.items():
    Image.new("RGB", (80, 40), (200, 30, 30)).save(f"picture.{suffix}", **settings)
    with Image.open(f"picture.{suffix}") as picture:
        assert "exif" not in picture.info
        turned = ImageOps.exif_transpose(picture).size
    height, width, _ = cv2.imread(f"picture.{suffix}").shape
    sizes[suffix] = (turned, (width, height))
    print(f"{suffix}: Pillow {turned}, OpenCV {(width, height)} (width, height)")
assert all(pair == ((40, 80), (80, 40)) for pair in sizes.values()), "it has changed"
EOF
