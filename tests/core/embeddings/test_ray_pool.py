"""Extraction on a local Ray cluster of two workers: the vectors of a run without it, also when a worker is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings import ray_pool as distributed
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings, open_engine
from image_curation.core.embeddings.models.base import Request
from image_curation.core.embeddings.pipeline import Source, embed_stream, learn
from image_curation.core.embeddings.ray_pool import embed_part, ray_batches, read_shard
from image_curation.core.images.digits import load_digits, picture
from image_curation.core.images.reading import Region

N = 64
of_ray = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # its own, of its own settings


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Digits as files, one of them broken and one a part of another."""
    folder, grids = tmp_path_factory.mktemp("digits"), load_digits().grids
    paths = []
    for row in range(N):
        path = folder / f"ü{row}.png"
        picture(grids[row]).save(path)
        paths.append(str(path))
    (folder / "broken.png").write_text("no picture")
    return [*paths, str(folder / "broken.png"), Region(paths[0], (0.0, 0.0, 0.5, 1.0))]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two workers on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[data]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR", object_store_memory=80 * 2**20
    )
    yield ray
    ray.shutdown()


def embed(files: list[str], folder: Path, **params: Any) -> Columns:
    given = EmbeddingsParams(device="cpu", precision="fp32", shards=str(folder), **params)
    return compute_embeddings(Inputs(n=len(files), paths=files), given, silent)


def test_shard__round_trip(files: list[str], tmp_path: Path) -> None:
    """What an actor writes is what the stream gives, unreadable files and parts of pictures included; no pickles."""
    engine = open_engine(Request("descriptor"))
    sources = [Source(path, (row,)) for row, path in enumerate(files[-4:])]
    sources.append(Source(files[0], (4, 5), ((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0))))
    learn(engine, sources, seed=51)
    expected = dict(embed_stream(engine, sources))
    parts = distributed._parts(sources, actors=1)
    assert [one for part in parts for one in distributed._unpacked(part["sources"])] == sources
    found: dict[int, Any] = {}
    for part in parts:
        embed_part(engine, part["sources"], tmp_path / f"{part['part']}.npz", None)
        found.update(read_shard(tmp_path / f"{part['part']}.npz"))
    assert sorted(os.listdir(tmp_path)) == sorted(f"{part['part']}.npz" for part in parts)
    assert str(found.pop(2)) == str(expected.pop(2)) == "broken.png cannot be read: it is text, not an image"
    for row, vector in expected.items():
        np.testing.assert_allclose(found[row], vector, atol=1e-5)


@pytest.mark.slow
def test_ray__is_asked_for_where_it_is_missing(files: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ParamError, match=r"must be none here, for Ray is not installed: pip install 'ray\[data\]'"):
        embed(files, tmp_path, distributed="ray")
    assert os.listdir(tmp_path) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ParamError, match="shards must be a folder that can be written"):
        embed(files, tmp_path / "file", distributed="ray")


@pytest.mark.slow
@of_ray
def test_ray__gives_the_vectors_of_a_run_without_it(files: list[str], tmp_path: Path, cluster: Any) -> None:
    alone = embed(files, tmp_path, model="tiny_clip")
    spread = embed(files, tmp_path, model="tiny_clip", distributed="ray")
    np.testing.assert_allclose(spread.values[""], alone.values[""], atol=1e-5)
    assert spread.values["error"] == alone.values["error"]
    assert spread.values["error"][N] == "broken.png cannot be read: it is text, not an image"
    assert (spread.facts["workers"], spread.facts["machines"]) == (2, 1)
    assert os.listdir(tmp_path) == []
    assert cluster.is_initialized()  # it was there before, so it stays


@pytest.mark.slow
@of_ray
def test_ray__a_worker_killed_in_the_middle(files: list[str], tmp_path: Path, cluster: Any) -> None:
    """The process that wrote the first shard is killed; Ray starts another, with what the descriptor learned."""
    request = Request("descriptor")
    engine = open_engine(request)
    sources = [Source(path, (row,)) for row, path in enumerate(files)]
    learn(engine, sources, seed=51)
    alone = dict(embed_stream(engine, sources))
    batches = ray_batches(engine, request, sources, tmp_path)
    found = dict(next(batches))
    with np.load(next(tmp_path.glob("*/*.npz")), allow_pickle=False) as arrays:
        os.kill(int(arrays["process"]), signal.SIGKILL)
    assert len(found) < N / 4
    for batch in batches:
        found.update(batch)
    assert sorted(found) == list(range(len(files)))
    assert str(found.pop(N)) == str(alone.pop(N))
    for row, vector in alone.items():
        np.testing.assert_allclose(found[row], vector, atol=1e-5)
    assert os.listdir(tmp_path) == []
