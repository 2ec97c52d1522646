"""What Curator uses of FiftyOne beyond its public interface, in one place, so that a new FiftyOne is checked here.

Two processes that declare fields with FiftyOne 1.22 lose each other's declarations, and a thread that reloads a dataset
makes another one save the wrong document. So what must not be lost is written here by single updates of the database,
and read back from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.brain as fob
import fiftyone.core.odm as foo
import fiftyone.core.sample as fos
import numpy as np
from bson import ObjectId
from fiftyone.brain.visualization import ManualVisualizationConfig, VisualizationResults
from mongoengine.errors import FieldDoesNotExist

from ...core.base.arrays import Array
from ...core.base.params import ParamError


def database() -> Any:
    """FiftyOne's own MongoDB database."""
    return foo.get_db_conn()


def dataset_id(dataset: fo.Dataset) -> ObjectId:
    """The dataset's id, which stays when it is renamed."""
    return ObjectId(dataset._doc.id)


def samples_collection(dataset: fo.Dataset) -> Any:
    """The MongoDB collection of the dataset's samples."""
    return dataset._sample_collection


def samples_have_changed(dataset: fo.Dataset) -> None:
    """Read again the samples that this process holds in memory."""
    fos.Sample._reload_docs(dataset._sample_collection_name)


def reload(dataset: fo.Dataset) -> None:
    """Let this process see the dataset as it stands in the database, also where some values have lost their fields.

    FiftyOne reads it again by the name that this process knows, which another process may have changed.
    """
    stored = database().datasets.find_one({"_id": dataset_id(dataset)}, {"name": True})
    if stored is not None and stored["name"] != dataset.name:
        dataset._doc.reload()
    dataset._reload(hard=True)
    try:
        dataset._reload_docs(hard=True)
    except FieldDoesNotExist:  # of samples in memory: they cannot be read until `repair_dataset` has run
        return


# Fields


def undeclared(dataset: fo.Dataset, paths: Collection[str]) -> list[str]:
    """Those of the paths that the database holds no declaration of, whatever this process believes."""
    stored = database().datasets.find_one({"_id": dataset_id(dataset)}, {"sample_fields": True})
    if stored is None:
        raise ParamError(f"The dataset {dataset.name!r} was deleted meanwhile")
    return [path for path in paths if not _is_declared(stored["sample_fields"], path.split("."))]


def _is_declared(fields: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bool:
    found = next((one for one in fields if one["name"] == names[0]), None)
    return found is not None and (len(names) == 1 or _is_declared(found.get("fields") or [], names[1:]))


def undeclare(dataset: fo.Dataset, paths: Collection[str]) -> None:
    """Take fields out of the schema, with their indexes; their values stay. Works beside any other field.

    FiftyOne's own deletion fails on a dataset that has a VectorField inside another document.
    """
    for path in paths:
        *parents, name = path.split(".")
        place = "sample_fields" + "".join(f".$[at{depth}].fields" for depth in range(len(parents)))
        filters = [{f"at{depth}.name": parent} for depth, parent in enumerate(parents)]
        database().datasets.update_one(
            {"_id": dataset_id(dataset)}, {"$pull": {place: {"name": name}}}, array_filters=filters or None
        )
        drop_indexes(dataset, path)
    if paths:
        reload(dataset)


def delete_fields(dataset: fo.Dataset, paths: Sequence[str]) -> None:
    """Delete fields: values, indexes and declarations."""
    if not paths:
        return
    holders = {"$or": [{path: {"$exists": True}} for path in paths]}
    gone: list[dict[str, Any]] = [{"$unset": list(paths)}, {"$set": {"last_modified_at": "$$NOW"}}]
    samples_collection(dataset).update_many(holders, gone)
    undeclare(dataset, paths)


def drop_indexes(dataset: fo.Dataset, path: str) -> None:
    """Drop the indexes of a field and of what is inside it."""
    for name, index in dataset.get_index_information().items():
        if any(key == path or key.startswith(f"{path}.") for key, _ in index["key"]):
            dataset.drop_index(name)


def taken_names(dataset: fo.Dataset, inside: str | None) -> set[str]:
    """Names that no field may have, because FiftyOne itself uses them.

    Args:
        inside: the object field whose labels would carry the attribute; None for fields of samples.
    """
    if inside is not None:
        kind = dataset.get_field(inside).document_type
        inner = kind._fields[kind._LABEL_LIST_FIELD].field.document_type
        return {"self", "cls", *dir(inner)}
    return ({"self", "cls"} | set(dir(dataset._sample_doc_cls)) | set(dir(fo.Sample))) - set(dataset.get_field_schema())


# Run records


def run_records(dataset: fo.Dataset) -> list[tuple[str, dict[str, Any]]]:
    """(key, config) of every run of the dataset, as they stand in the database now."""
    known = {place: key for key, place in _registered(dataset, "runs").items()}  # brain runs lie in the same collection
    found = database().runs.find({"_id": {"$in": list(known)}}, {"config": True})
    return [(known[one["_id"]], one.get("config") or {}) for one in found]


def save_run_record(dataset: fo.Dataset, key: str, config: Mapping[str, Any]) -> None:
    """Write a run's record, new or in place of the one there, whatever other processes write meanwhile."""
    runs, place = database().runs, _registered(dataset, "runs").get(key)
    if place is None or not runs.update_one({"_id": place}, {"$set": {"config": dict(config)}}).matched_count:
        new = {
            "_dataset_id": dataset_id(dataset),
            "key": key,
            "version": fo.__version__,
            "timestamp": datetime.now(timezone.utc),
            "config": dict(config),
            "view_stages": None,
            "results": None,
            "results_meta": {},
        }
        place = runs.insert_one(new).inserted_id
    database().datasets.update_one({"_id": dataset_id(dataset)}, {"$set": {f"runs.{key}": place}})
    dataset._doc.reload("runs")


def delete_run_record(dataset: fo.Dataset, key: str) -> None:
    """Delete a run's record; nothing else."""
    place = _registered(dataset, "runs").get(key)
    database().datasets.update_one({"_id": dataset_id(dataset)}, {"$unset": {f"runs.{key}": ""}})
    if place is not None:
        database().runs.delete_one({"_id": place})
    dataset._doc.reload("runs")


def _registered(dataset: fo.Dataset, kind: str) -> dict[str, ObjectId]:
    """Key → id of the document, of the dataset's runs of one kind."""
    stored = database().datasets.find_one({"_id": dataset_id(dataset)}, {kind: True}) or {}
    return {key: getattr(place, "id", place) for key, place in (stored.get(kind) or {}).items()}


# Brain runs: maps and similarity indexes


def has_brain_run(dataset: fo.Dataset, key: str) -> bool:
    """Whether the database knows a brain run of this key."""
    return key in _registered(dataset, "brain_methods")


def drop_brain_run(dataset: fo.Dataset, key: str) -> None:
    """Delete a brain run, and no field."""
    if key in dataset.list_brain_runs():
        fob.BrainMethod.delete_run(dataset, key, cleanup=False)


def register_map(
    dataset: fo.Dataset, key: str, path: str, patches_field: str | None, ids: tuple[Array, Array | None], points: Array
) -> None:
    """Make points that stand in a field known to the App's own Embeddings panel, with their spatial index.

    Args:
        path: the field of samples; or the attribute's name, of objects.
        ids: (m,) of the samples; and of the labels, where the points are of objects.
        points: (m, 2).
    """
    config = ManualVisualizationConfig(points_field=path, patches_field=patches_field, num_dims=2)
    method = config.build()
    method.register_run(dataset, key, overwrite=False)
    results = VisualizationResults(dataset, config, key, points, sample_ids=ids[0], label_ids=ids[1], backend=method)
    method.save_run_results(dataset, key, results, cache=False)
    if patches_field is None and np.ptp(points) > 0:  # MongoDB refuses to index a map that is a single point
        dataset.create_index([(path, "2d")], min=float(points.min()) - 1, max=float(points.max()) + 1)
