"""A home of its own for the demo: database, plugins folder and settings under `.demo/`.

Nothing of the user's own FiftyOne is read or written. Import this before FiftyOne, which reads its environment
once.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from database import DatabaseError, start_database

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("DEMO_HOME") or ROOT / ".demo")  # the tests have one of their own
PORT = 5151
PATIENCE = 120  # seconds until the App must have answered; a busy machine takes tens


def move_in(home: Path = HOME) -> Path:
    """Make the folder, link the checkout into its plugins, start the database, and point FiftyOne to all of it.

    Raises:
        SystemExit: the database cannot start; the sentence says why.
    """
    for name in [name for name in os.environ if name.startswith("FIFTYONE_")]:
        del os.environ[name]  # a FIFTYONE_DATABASE_URI of the user's would lead into their own database
    plugins = home / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    link = plugins / "curator"
    if not link.is_symlink() or link.resolve() != ROOT:
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT, target_is_directory=True)
    os.environ.update(
        FIFTYONE_PLUGINS_DIR=str(plugins),
        FIFTYONE_DEFAULT_DATASET_DIR=str(home / "datasets"),
        FIFTYONE_MODEL_ZOO_DIR=str(home / "models"),
        FIFTYONE_CONFIG_PATH=str(home / "config.json"),
        FIFTYONE_APP_CONFIG_PATH=str(home / "app_config.json"),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_LOGGING_LEVEL="WARNING",  # the scripts say what matters themselves
    )
    try:
        start_database(home / "database")
    except DatabaseError as error:
        raise SystemExit(str(error)) from None
    return home


def launch(dataset: Any, port: int) -> Any:
    """The App's session on the loopback, once it is connected; a page opened earlier would show no dataset.

    FiftyOne says that it is ready at once, and where the App is slow to start the session asks every ten seconds.

    Raises:
        SystemExit: the App does not answer.
    """
    import fiftyone as fo

    session = fo.launch_app(dataset, remote=True, address="127.0.0.1", port=port)
    end = time.monotonic() + PATIENCE
    while not _answers(port) or not session._client._connected:
        if time.monotonic() > end:
            raise SystemExit(f"The App did not answer on port {port} within {PATIENCE} s; is the machine very busy?")
        time.sleep(0.2)
    return session


def address_of(dataset: Any, port: int) -> str:
    """Where the App shows the dataset: it finds it by its name, not by its slug."""
    return f"http://127.0.0.1:{port}/datasets/{quote(dataset.name, safe='')}"


def choose_port(wanted: str | None) -> int:
    """The port for the App: the one asked for, or else the first free one from 5151 on.

    FiftyOne itself would silently join whatever App listens there already, with another database.

    Raises:
        SystemExit: the port asked for is taken or no port number.
    """
    if wanted:
        if not wanted.isdigit() or not 1024 <= int(wanted) <= 65535:
            raise SystemExit(f"PORT must be a number from 1024 to 65535; got {wanted!r}.")
        if not is_free(int(wanted)):
            raise SystemExit(f"Port {wanted} is taken by another program; choose another, such as PORT={_free_port()}.")
        return int(wanted)
    port = _free_port()
    if port != PORT:
        print(f"Port {PORT} is taken by another program, so the App goes to {port}.")
    return port


def is_free(port: int) -> bool:
    """Whether nothing listens on that port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    for port in range(PORT, PORT + 100):
        if is_free(port):
            return port
    raise SystemExit(f"All ports from {PORT} to {PORT + 99} are taken; name a free one, such as PORT=6000.")
