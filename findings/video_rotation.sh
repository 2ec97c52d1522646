#!/usr/bin/env bash
# A phone's upright film is stored lying, with a note to turn it by 90 degrees. OpenCV and imageio's FFMPEG reader turn it; PyAV, and
# imageio's pyav reader with it, give it lying and only tell the angle. Boxes drawn on one reader's frames are wrong on the other's.
# Seen with PyAV 18.1.0, OpenCV 5.0.0 and imageio-ffmpeg 0.8.1: height x width 64 x 96 against 96 x 64.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages av==18.1.0 imageio==2.38.1 imageio-ffmpeg==0.8.1 opencv-python-headless==5.0.0.93 numpy==2.4.6

python - <<'EOF'
import subprocess

import av
import cv2
import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np

with av.open("lying.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
    for number in range(5):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 96, 3), 40 * number, "uint8"), "rgb24")))
    file.mux(stream.encode())
command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", "lying.mp4", "-c", "copy", "turned.mp4"]
subprocess.run(command, check=True)

with av.open("turned.mp4") as file:
    frame = next(file.decode(video=0))
shapes = {
    "PyAV": frame.to_ndarray(format="rgb24").shape[:2],
    "imageio pyav": imageio.imread("turned.mp4", plugin="pyav").shape[1:3],
    "imageio FFMPEG": imageio.imread("turned.mp4", plugin="FFMPEG").shape[1:3],
    "OpenCV": cv2.VideoCapture("turned.mp4").read()[1].shape[:2],
}
print(shapes, "PyAV tells", frame.rotation, "degrees")
lying, upright = (64, 96), (96, 64)
assert shapes == {"PyAV": lying, "imageio pyav": lying, "imageio FFMPEG": upright, "OpenCV": upright}, "it has changed"
EOF
