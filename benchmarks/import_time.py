"""What importing costs, against NumPy alone: python benchmarks/import_time.py [--json [ROUNDS]]

Whole processes, in turns, user and system CPU time; the smallest of many, which is the steadiest.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

ROUNDS = 15


def cpu_seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, env=compiled)  # as installed: modules compiled once
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    programs = ["pass", "import numpy", "import tinygrad_lstm", "import tinygrad_lstm, viz"]
    rounds = int(sys.argv[2]) if sys.argv[2:] else ROUNDS
    times = {program: min(cpu_seconds(program) for _ in range(rounds)) for program in programs}
    if sys.argv[1:2] == ["--json"]:  # for bench.py
        print(json.dumps(times))
        sys.exit()
    for program, seconds in times.items():
        print(f"{program:<28} {seconds * 1e3:6.0f} ms   x {seconds / times['import numpy']:.2f} of import numpy")
