#!/usr/bin/env bash
# Phones film at a variable frame rate. imageio's FFMPEG reader fills the gaps with repeated pictures up to a constant rate, PyAV and
# OpenCV give each stored picture once, and imageio's own count says 8. A set of frames read through it is mostly exact copies, and a
# frame number means another picture than elsewhere. Seen: 8 pictures in 3 s are 91 frames with imageio-ffmpeg 0.8.1 and 8 with PyAV 18.1.0.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages av==18.1.0 imageio==2.38.1 imageio-ffmpeg==0.8.1 opencv-python-headless==5.0.0.93 numpy==2.4.6

python - <<'EOF'
from fractions import Fraction

import av
import cv2
import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np

times = [0, 1, 2, 30, 31, 60, 61, 90]  # in thirtieths of a second
with av.open("clip.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, 30)
    stream.options = {"bf": "0"}
    for number, time in enumerate(times):
        frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 30 * number, "uint8"), "rgb24")
        frame.pts, frame.time_base = time, Fraction(1, 30)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())

with av.open("clip.mp4") as file:
    by_av = sum(1 for _ in file.decode(video=0))
capture, by_opencv = cv2.VideoCapture("clip.mp4"), 0
while capture.read()[0]:
    by_opencv += 1
by_imageio = len(imageio.imread("clip.mp4", plugin="FFMPEG"))
counted = imageio_ffmpeg.count_frames_and_secs("clip.mp4")[0]
print(f"PyAV {by_av}, OpenCV {by_opencv}, imageio FFMPEG {by_imageio}, imageio's count {counted}")
assert (by_av, by_opencv, counted) == (8, 8, 8)
assert by_imageio > 80, "it has changed"
EOF
