"""Files of vectors are read within the memory that there is, and no header is believed beyond what the file holds."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base import memory
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.vector_files import read_vectors

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
PATHS = np.array(["a.png", "b.png", "c.png", "d.png"])


def header(shape: tuple[int, ...], dtype: Any = np.float32) -> bytes:
    """An NPY of that shape without its numbers."""
    out = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(out, described)
    return out.getvalue()


def archive(path: Path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w") as into:
        for name, content in members.items():
            into.writestr(f"{name}.npy", content)
    return str(path)


@pytest.mark.parametrize("shape", [(10**9, 512), (4, 4)])
def test_an_array_that_declares_more_than_it_holds(tmp_path: Path, shape: tuple[int, int]) -> None:
    short = header(shape) + VECTORS.tobytes()
    (tmp_path / "one.npy").write_bytes(short)
    declared = f"{shape[0] * shape[1] * 4:,}"
    for path in (str(tmp_path / "one.npy"), archive(tmp_path / "one.npz", embeddings=short)):
        with pytest.raises(ParamError, match=f"'embeddings' declares {declared} bytes and holds 48; write it again"):
            read_vectors(path)


@pytest.mark.parametrize("name", ["one.npz", "one.npy"])
def test_more_than_the_memory_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = str(tmp_path / name)
    wide = np.zeros((1_000, 500), np.float32)
    np.savez_compressed(path, embeddings=wide) if name.endswith("z") else np.save(path, wide)
    assert read_vectors(path).embeddings.shape == (1_000, 500)
    monkeypatch.setattr(memory, "free", lambda: 2_000_000)
    with pytest.raises(ParamError, match="holds 2 MB once read, and 2 MB of memory are free; write it in parts"):
        read_vectors(path)


def test_what_is_of_no_use_is_not_read(tmp_path: Path) -> None:
    """An array of another kind is left out; a member that is no array is damage."""
    whole = io.BytesIO()
    np.save(whole, VECTORS)
    names = io.BytesIO()
    np.save(names, PATHS)
    cut = header((3,), np.complex128)[:80] + bytes(48)
    path = archive(
        tmp_path / "one.npz", embeddings=whole.getvalue(), image_paths=names.getvalue(), heat=header((0, 7, 7))
    )
    found = read_vectors(path)
    assert found.embeddings.tolist() == VECTORS.tolist()
    assert found.paths == PATHS.tolist()
    with pytest.raises(ParamError, match="is damaged"):
        read_vectors(archive(tmp_path / "other.npz", embeddings=whole.getvalue(), heat=cut))


def test_what_it_holds_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "one.npz")
    np.savez(path, weights=np.zeros(4), heat=np.zeros((2, 2, 2)))
    with pytest.raises(ParamError, match="must hold an array named embeddings; it holds weights, heat"):
        read_vectors(path)


def test_free__of_this_machine() -> None:
    assert memory.free() > 50_000_000
