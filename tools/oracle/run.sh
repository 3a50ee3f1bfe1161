#!/bin/sh
# Remakes the fixtures of other frameworks and the table of how far ours are from them.
# run.sh [FILE...], such as `run.sh losses clips`; by default all. README.md says what it needs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${CARGO_TARGET_DIR:-$root/target}/oracle
"$here/setup.sh" "$venv"
export PYTHONDONTWRITEBYTECODE=1 KERAS_BACKEND=torch
# One thread, so that sums run in one order.
OMP_NUM_THREADS=1 "$venv/bin/python" "$here/make.py" "$root/crates/optim/tests/fixtures/oracle" "$@"
cd "$root"
GRADUS_ORACLE_TABLE="$root/docs/ORACLE.md" cargo test --quiet --package gradus-optim --test oracle \
    every_trajectory_is_that_of_its_oracle
