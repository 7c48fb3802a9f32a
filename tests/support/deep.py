"""Running with a shallow stack, and what is left for the collector."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
from collections.abc import Callable


def run_with_a_shallow_stack(program: str) -> str:
    """What a program prints under a recursion limit of 200, in a process of its own."""
    head = "import sys\nimport numpy as np\nimport tinygrad_lstm as tg\nfrom tinygrad_lstm import nn\n"
    code = head + "sys.setrecursionlimit(200)\n" + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def garbage_of(step: Callable[[], None]) -> int:
    """How many objects a second run of the step leaves for the cyclic collector."""
    step()
    gc.collect()
    gc.disable()
    try:
        step()
        return gc.collect()
    finally:
        gc.enable()
