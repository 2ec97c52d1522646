"""A MongoDB of our own: started on a folder, ended with this process.

FiftyOne by itself joins any database that another FiftyOne of the same user has running, wherever that one keeps
its data: a demo would write into the user's datasets, and a test would delete them. Given an address in
FIFTYONE_DATABASE_URI it does not look further.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import re
import subprocess
import time
from pathlib import Path

import psutil

# Runs a command and ends it when standard input closes, which happens however our process ends, kill -9 included.
GUARD = """
exec 3<&0
"$@" 3<&- &
server=$!
{ cat <&3; kill "$server"; } &
guard=$!
wait "$server"
kill "$guard"
"""


class DatabaseError(Exception):
    """The database cannot start: one sentence with the way out."""


def start_database(folder: Path, patience: float = 60) -> str:
    """Start MongoDB on a folder and point FiftyOne to it; call before FiftyOne's first use.

    Args:
        folder: its data, made where it does not exist.
        patience: seconds to wait until it answers.

    Returns:
        its address, which is also in the environment, for FiftyOne here and in child processes

    Raises:
        DatabaseError: the folder is in use by another process, or MongoDB does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_free(folder)
    log = folder / "mongod.log"
    log.unlink(missing_ok=True)
    command = [str(_mongod()), "--dbpath", str(folder), "--logpath", str(log)]
    process = subprocess.Popen(
        ["sh", "-c", GUARD, "sh", *command, "--port", "0", "--bind_ip", "127.0.0.1", "--nounixsocket"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl+C is for us; we end it after our last write
    )
    atexit.register(_stop, process)
    (folder / "owner.pid").write_text(str(os.getpid()))
    port = _port(process, log, patience)
    address = f"mongodb://127.0.0.1:{port}/"
    os.environ.update(
        FIFTYONE_DATABASE_URI=address,  # read when FiftyOne is imported
        FIFTYONE_PRIVATE_DATABASE_PORT=str(port),  # read at its first use, so for tests that were imported before
        FIFTYONE_DATABASE_VALIDATION="false",  # MongoDB 6, where we had to take it, comes with a notice
    )
    return address


def _mongod() -> Path:
    fiftyone = importlib.util.find_spec("fiftyone")
    if fiftyone is None or fiftyone.origin is None:
        raise DatabaseError("FiftyOne is not installed here; run `make setup` first.")
    mongod = Path(fiftyone.origin).parent / "db" / "bin" / "mongod"
    if not mongod.is_file():
        raise DatabaseError("FiftyOne has no database server here; run `make setup`, which installs one.")
    return mongod


def _check_free(folder: Path, patience: float = 30) -> None:
    """Refuse a folder in use; wait for the MongoDB of a killed process, which is on its way out."""
    try:
        server = psutil.Process(int((folder / "mongod.lock").read_text()))
        if str(folder) not in server.cmdline():
            return  # the number went to another program
        owner = int((folder / "owner.pid").read_text())
        if not psutil.pid_exists(owner):
            server.wait(patience)
            return
    except psutil.TimeoutExpired:
        raise DatabaseError(
            f"The database in {folder} is still in use by process {server.pid}; end it first."
        ) from None
    except (OSError, ValueError, psutil.Error):
        return
    raise DatabaseError(
        f"The database in {folder} is in use by process {owner}, a `make demo` or `make app`; "
        "use the App that it opened, or end it first."
    )


def _port(process: subprocess.Popen[bytes], log: Path, patience: float) -> int:
    """The port that the system chose, read from the log, where it stands once MongoDB answers."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        written = log.read_text(errors="replace") if log.exists() else ""
        waiting = re.search(r'"Waiting for connections","attr":\{"port":(\d+)', written)
        if waiting:
            return int(waiting[1])
        if process.poll() is not None:
            raise DatabaseError(f"The database did not start: {_complaint(written)} (details in {log}).")
        time.sleep(0.05)
    raise DatabaseError(f"The database did not answer within {patience:.0f} s (details in {log}).")


def _complaint(written: str) -> str:
    """The last error in MongoDB's log, a JSON document per line."""
    said = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    errors = [line for line in said if line["s"] in "EF"]
    if not errors:
        return "it gave no reason"
    return f"{errors[-1]['msg']}: {errors[-1].get('attr', {}).get('error', '')}".rstrip(": .")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(60)
