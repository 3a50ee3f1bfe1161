#!/bin/sh
# Makes the Python environment of the oracles in the folder FOLDER, once: setup.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$1
wanted=$(cat "$here/requirements.txt" "$here/without_gpu.py" "$0" | cksum)
[ "$(cat "$venv/made-from" 2>/dev/null)" = "$wanted" ] && exit
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r "$here/requirements.txt"
# The runtime of CUDA must be the version that the wheel of PyTorch was built with.
"$venv/bin/pip" install --quiet --no-deps torch==2.15.0 'nvidia-cuda-runtime>=13.2,<13.3'
"$venv/bin/python" "$here/without_gpu.py" \
    "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')"
"$venv/bin/python" -c 'import torch'
echo "$wanted" > "$venv/made-from"
