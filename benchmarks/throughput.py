"""Images per second of `compute_embeddings` against FiftyOne's own, the same networks, weights and image files.

Both end with vectors in a field of a dataset, in a database of the benchmark's own. FiftyOne is given the network as a
`TorchImageModel` with the network's documented transforms, once as it is called by default (one image at a time) and
once with batches and a worker per core. Every contestant runs in a process of its own on 32 images (imports, loading
the weights), then on all; the rate is that of the images beyond those 32. Weights are random.

python benchmarks/throughput.py                           both networks on photographs and on camera originals
python benchmarks/throughput.py --network resnet18 --data photographs --images 200
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded

WARM = 32
NETWORKS = {"ViT-B-32": "open_clip:ViT-B-32", "resnet18": "torchvision:resnet18"}
CONTESTANTS = ("FiftyOne, as called by default", "FiftyOne, batches of 32, 2 workers", "ours")


def main() -> None:
    """Run the benchmark from the command line and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        contestant, network, images, weights = given.one
        print(json.dumps(_measured(contestant, network, Path(images), Path(weights))))
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _own_database(home)
        print(f"## Throughput\n\n{machine()}")
        for data in given.data:
            DATA[data](home / data, given.images)
            for network in given.network:
                weights = home / f"{network}.pt"
                _random_weights(network, weights)
                print(f"\n### {network}, {len(list((home / data).iterdir()))} {data}\n")
                print(
                    "| | images/s | CPU ms per image | peak MB | workers' peak MB | cosine |\n|---|---|---|---|---|---|"
                )
                first: Any = None
                for contestant in given.only:
                    result = _in_process(contestant, network, home / data, weights)
                    vectors = np.array(result.pop("vectors"))
                    first = vectors if first is None else first
                    cells = [f"{value:.4g}" for value in (*result.values(), _cosine(first, vectors))]
                    print("| " + " | ".join([contestant, *cells]) + " |", flush=True)


def photographs(folder: Path, count: int) -> None:
    """JPEG photographs of about 500 pixels: real ones where they lie beside the project, else made ones."""
    folder.mkdir()
    real = sorted((SHARED / "hymenoptera").glob("*/*/*.jpg"))[:count]
    for number, path in enumerate(real):
        (folder / f"{number}.jpg").write_bytes(path.read_bytes())
    for number in range(len(real), count if not real else 0):
        _picture(number, (500, 375)).save(folder / f"{number}.jpg", quality=90)


def camera(folder: Path, count: int) -> None:
    """JPEG files of 12 megapixels; a sixth as many."""
    folder.mkdir()
    for number in range(WARM + max(count // 6, 8)):
        _picture(number, (4000, 3000)).save(folder / f"{number}.jpg", quality=90)


DATA: dict[str, Callable[[Path, int], None]] = {"photographs": photographs, "camera": camera}


def _picture(seed: int, size: tuple[int, int]) -> Any:
    """Blobs with fine noise, which take JPEG about as many bytes as a photograph does."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = rng.normal(0, 6, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))


def _network(name: str, weights: Path | None = None) -> tuple[Any, Any]:
    """The network without a classifier, and its documented transform."""
    import open_clip
    import torch
    from torchvision.models import ResNet18_Weights, resnet18

    if name == "resnet18":
        network = resnet18()
        if weights is not None:
            network.load_state_dict(torch.load(weights, weights_only=True))
        network.fc = torch.nn.Identity()
        return network, ResNet18_Weights.DEFAULT.transforms()
    both, _, transform = open_clip.create_model_and_transforms(name, pretrained=str(weights) if weights else None)
    return both.visual, transform


def _random_weights(name: str, path: Path) -> None:
    import open_clip
    import torch
    from torchvision.models import resnet18

    if not path.exists():
        torch.manual_seed(0)
        torch.save((resnet18() if name == "resnet18" else open_clip.create_model(name)).state_dict(), path)


def _fiftyone(dataset: Any, network: str, weights: Path, how: dict[str, int]) -> Callable[[Any], None]:
    import fiftyone.utils.torch as fout

    module, transform = _network(network, weights)
    config = fout.TorchImageModelConfig(
        {"model": module, "transforms": transform, "ragged_batches": False, "as_feature_extractor": True}
    )
    model = fout.TorchImageModel(config)
    return lambda view: view.compute_embeddings(model, embeddings_field="vectors", **how)


def _ours(dataset: Any, network: str, weights: Path) -> Callable[[Any], None]:
    from image_curation.dataset.curate import curate

    return lambda view: curate(
        view, "compute_embeddings", key="vectors", overwrite=True, model=NETWORKS[network], weights=str(weights)
    )


def _measured(contestant: str, network: str, images: Path, weights: Path) -> dict[str, Any]:
    load_package()
    import fiftyone as fo

    dataset = fo.Dataset()
    paths = sorted(images.iterdir())
    dataset.add_samples([fo.Sample(filepath=str(path)) for path in paths], progress=False)
    if contestant == "ours":
        run = _ours(dataset, network, weights)
    else:
        run = _fiftyone(dataset, network, weights, {"batch_size": 32, "num_workers": 2} if "32" in contestant else {})
    run(dataset.limit(WARM))
    few, all_ = _timed(lambda: run(dataset.limit(WARM))), _timed(lambda: run(dataset))
    rest = len(paths) - WARM
    vectors = np.stack(dataset.values("vectors"))
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    dataset.delete()
    return {
        "rate": rest / (all_[0] - few[0]),
        "cpu": 1000 * (all_[1] - few[1]) / rest,
        "peak": peaks[0],
        "workers": peaks[1],
        "vectors": vectors[:WARM].tolist(),
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of wall and of CPU, children's included."""

    def cpu() -> float:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    wall, worked = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall, cpu() - worked


def _in_process(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", sys.argv[0], "--one", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _cosine(one: Any, other: Any) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).mean())


def _own_database(home: Path) -> None:
    from database import start_database

    os.environ.update(
        FIFTYONE_DEFAULT_DATASET_DIR=str(home / "datasets"),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
    )
    start_database(home / "database")


if __name__ == "__main__":
    with recorded(__file__):
        main()
