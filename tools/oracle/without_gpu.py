"""Makes PyPI's PyTorch load on a machine without a GPU, and without 2 GB of NVIDIA's libraries.

The x86-64 wheel is linked against CUDA. The small CUDA runtime is installed for real; every other
library that is asked for by name and is not there gets a stand-in whose functions all return
"unknown error". Nothing on the CPU's path calls one of them.

    without_gpu.py SITE_PACKAGES
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

UNKNOWN_ERROR = 999
CUDA = re.compile(r"^lib(cu|nccl|nvrtc|nvJit|nvshmem)\w*\.so")
FUNCTION = re.compile(r"^(cu|nccl|nvrtc|nvJit|nvshmem|nvtx)")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wanted_libraries(libraries):
    """Names of the CUDA libraries that these ask for."""
    found = set()
    for library in libraries:
        found.update(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", library)))
    return {name for name in found if CUDA.match(name)}


def versions(libraries):
    """For each version of symbols that these ask for, the library it is asked of."""
    found = {}
    for library in libraries:
        owner = None
        for line in output("readelf", "-VW", library).splitlines():
            if match := re.search(r"\bFile: (\S+)", line):
                owner = match[1]
            elif (match := re.search(r"\bName: (\S+)", line)) and owner:
                found[match[1]] = owner
    return found


def symbols(libraries, which):
    """Dynamic symbols, as `name` or `name@version`."""
    lines = "".join(output("nm", "-D", which, library) for library in libraries).splitlines()
    return {line.split()[-1].replace("@@", "@") for line in lines if line.split()}


def stand_in(path, by_version):
    """Builds a library with these functions, those of each version under its name."""
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder, "stand_in.c"), Path(folder, "versions")
        names = sorted(set().union(*by_version.values()))
        lines = [f"int {name}(void) {{ return {UNKNOWN_ERROR}; }}" for name in names]
        source.write_text("\n".join(lines) + "\n")
        named = {version: names for version, names in by_version.items() if version}
        blocks = [f"{v} {{ global: {' '.join(n + ';' for n in names)} }};"
                  for v, names in named.items()]
        script.write_text("\n".join(blocks) + "\n")
        command = ["cc", "-w", "-fno-builtin", "-shared", "-fPIC", "-o", path, source]
        command += [f"-Wl,-soname,{path.name}"]
        command += [f"-Wl,--version-script={script}"] if named else []
        subprocess.run(command, check=True)


def main(site_packages):
    folder = site_packages / "torch" / "lib"
    ours = sorted(p for p in folder.glob("lib*.so") if re.match(r"lib(torch|c10|shm|caffe2)", p.name))
    wanted = wanted_libraries(ours)
    real = [p for p in (site_packages / "nvidia").rglob("lib*.so.*") if p.name in wanted]
    for library in real:
        link = folder / library.name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(library, folder))
    missing = sorted(wanted - {library.name for library in real})
    owners = versions(ours)
    # What has no version may be looked for anywhere: the first stand-in holds it.
    there = {name.split("@")[0] for name in symbols([*ours, *real], "--defined-only")}
    wanted_of = defaultdict(lambda: defaultdict(set))
    for symbol in symbols(ours, "--undefined-only"):
        name, _, version = symbol.partition("@")
        if version and owners.get(version) in missing:
            wanted_of[owners[version]][version].add(name)
        elif not version and FUNCTION.match(name) and name not in there:
            wanted_of[missing[0]][""].add(name)
    for name in missing:
        (folder / name).unlink(missing_ok=True)
        stand_in(folder / name, wanted_of[name] or {"": {"stands_in_for_" + re.sub(r"\W", "_", name)}})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
