"""Writes the fixtures: make.py FOLDER [FILE...], by default every file of `cases.FILES`."""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import torch

from cases import FILES
from training import make

# Names that the registry has in another form.
PACKAGES = {"PyTorch": "torch", "Keras": "keras"}

# So that sums run in one order.
torch.set_num_threads(1)


def main(folder, chosen):
    warnings.simplefilter("error")
    for name in chosen or FILES:
        cases = []
        for case in FILES[name]():
            case.oracle = " and ".join(
                f"{name} {version(PACKAGES.get(name, name))}" for name in case.oracle.split(" and "))
            text, attempt, figures = make(case)
            cases.append(text)
            print(f"{name}: {case.name}: draw {attempt}, {figures}", flush=True)
        head = "// Made by tools/oracle/run.sh, which its README.md explains; not to be edited.\n"
        Path(folder, f"{name}.ron").write_text(head + "[\n" + "".join(cases) + "]\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
