"""Opens the App on a dataset of the demo's database. Run by `make app`; settings: DATASET (its name), PORT."""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from typing import TYPE_CHECKING

import home

if TYPE_CHECKING:
    import fiftyone as fo


def main() -> int:
    """Open the dataset that was asked for, or else the one touched last."""
    port = home.choose_port(os.environ.get("PORT"))
    home.move_in()
    import fiftyone as fo

    names = fo.list_datasets()
    wanted = os.environ.get("DATASET", "")
    if not names:
        print("There is no dataset yet; `make demo` makes one.", file=sys.stderr)
        return 1
    if wanted and wanted not in names:
        print(f"There is no dataset {wanted!r}; there are: {', '.join(names)}.", file=sys.stderr)
        return 1
    datasets = [fo.load_dataset(name) for name in names]
    show(fo.load_dataset(wanted) if wanted else max(datasets, key=lambda one: one.last_modified_at), port)
    return 0


def show(dataset: fo.Dataset, port: int) -> None:
    """Open the App, say where it is, and wait until the user ends it."""
    import fiftyone as fo

    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell lets what it starts in the background ignore Ctrl+C
        signal.signal(ending, signal.default_int_handler)
    address = home.address_of(dataset, port)
    try:
        session = home.launch(dataset, port)
        print(f"The App shows {dataset.name!r} at {address}\nCtrl+C ends it; `make app` opens it again.", flush=True)
        if sys.stdout.isatty() and has_display():
            webbrowser.open(address)
        session.wait(-1)
    except KeyboardInterrupt:
        print("\nClosing the App ...", flush=True)
    finally:
        fo.close_app()  # before the database goes, for which its server would wait


def has_display() -> bool:
    """Whether there is a screen to open a browser on."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
