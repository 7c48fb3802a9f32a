"""Long chains of ops: a process with a shallow stack to run them in, and what they leave for the collector."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest


def few_and_many(few: int, many: int) -> pytest.MarkDecorator:
    """A test of n steps: few prove that nothing recurses; many, that time and memory do not grow faster than n."""
    return pytest.mark.parametrize("n", [few, pytest.param(many, marks=pytest.mark.slow)])


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
