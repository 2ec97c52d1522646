"""Another vocabulary for stored vectors: time and peak memory of zero-shot tags, and of changing their temperature.

Clustered unit vectors of 512 dimensions; texts go through ViT-B/32's text encoder with random weights, five templates
for each class. Each row is a process of its own. No image is read: encoding them again is what is saved.

python benchmarks/zero_shot.py             100,000 vectors
python benchmarks/zero_shot.py 10000       so many
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
from common import load_package, recorded, synthetic

VOCABULARIES = ((10, False), (100, False), (1_000, False), (100, True))


class RandomText:
    """The text encoder of ViT-B/32, without what it learned."""

    logit_scale, dim = 100.0, 512

    def __init__(self) -> None:
        import open_clip

        self._model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
        self._tokenizer = open_clip.get_tokenizer("ViT-B-32")

    def embed_text(self, texts: list[str]) -> Any:
        """(m,) texts → (m, 512) unit vectors."""
        import torch
        from image_curation.core.embeddings.models.clip_text import encode_text

        with torch.inference_mode():
            tokens = [self._tokenizer(texts[start : start + 256]) for start in range(0, len(texts), 256)]
            x = np.concatenate([encode_text(self._model, part).numpy() for part in tokens])
        return x / np.linalg.norm(x, axis=1, keepdims=True)


def measure(n: int, classes: int, multi_label: bool) -> None:
    """Print a row of the table."""
    from image_curation.core.zero_shot.tag_zero_shot import TEMPLATES, _tagged, class_logits, class_vectors, retag
    from image_curation.core.zero_shot.tagging import Rules

    names = [f"thing {number}" for number in range(classes)]
    x = synthetic(n)
    seconds = [time.process_time()]
    engine: Any = RandomText()
    seconds.append(time.process_time())
    texts = class_vectors(engine, names, TEMPLATES)
    floor = engine.embed_text(["a photo"]) if multi_label else None
    seconds.append(time.process_time())
    wall = time.perf_counter()
    rules = Rules(multi_label)
    logits = class_logits(x, texts, 0.01, floor)
    _tagged(names, logits, rules, 0.01, None, {})
    seconds.append(time.process_time())
    wall = time.perf_counter() - wall
    retag(names, logits, 0.01, 0.02, Rules(multi_label, 0.6), None)
    seconds.append(time.process_time())
    load, encode, tag, again = np.diff(seconds)
    kind = "any number" if multi_label else "one"
    cells = [f"{n:,}", f"{classes:,}", kind, *(f"{took:.1f}" for took in (load, encode, tag, wall, again))]
    print("| " + " | ".join([*cells, f"{_peak():.0f}"]) + " |", flush=True)


def _peak() -> float:
    """MB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    with recorded(__file__):
        if len(sys.argv) > 2:
            load_package()
            measure(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True")
            sys.exit()
        head = ("vectors", "classes", "tags", "load", "encode the texts", "tag", "wall", "retag", "peak MB")
        print("## Zero-shot tags\n\nCPU seconds, but for wall, which is of tagging.\n")
        print("| " + " | ".join(head) + " |")
        print("|---" * len(head) + "|", flush=True)
        for count, several in VOCABULARIES:
            many = sys.argv[1] if len(sys.argv) > 1 else "100000"
            command = [sys.executable, __file__, many, str(count), str(several)]
            print(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout, end="")
