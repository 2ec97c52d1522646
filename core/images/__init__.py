"""Reading image files, and measuring their pixels: brightness, sharpness, hashes, sizes."""
