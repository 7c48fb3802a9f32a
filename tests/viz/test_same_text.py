"""Pictures of any size: the same text twice and in another process, no recursion, no other program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SAME = """
import tinygrad_lstm as tg, viz
from tests.support.runs import run
def pictures():
    for kind, options in (("Zoneout", {}), ("GRU", dict(num_layers=2, bidirectional=True)),
                          ("Peephole", dict(masked="mask", steps=15))):
        trajectory, loss = run(kind, **options)
        yield viz.draw(loss, depth=1)
        yield viz.draw(trajectory)
        for view in ("cell", "strip", "rolled", "op"):
            yield viz.gradient_paths(loss, trajectory, view=view, theme="auto")
for picture, again in zip(pictures(), pictures()):
    text = picture.source + picture.svg + picture.html + str(picture)
    assert text == again.source + again.svg + again.html + str(again)
    print(text)
"""


def run_script(script: str, hash_seed: str = "0") -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.slow
def test_the_text_is_the_same_again_and_in_another_process() -> None:
    one, other = run_script(SAME, "1"), run_script(SAME, "2")
    assert len(one) > 100_000
    assert one == other


LONG_GRAPH = """
import sys
import tinygrad_lstm as tg, viz
x = tg.tensor(1.0, requires_grad=True)
sys.setrecursionlimit(200)
for _ in range(5000):
    x = x * 1.0
picture = viz.draw(x)
assert picture.source.count("\\n\\tv") == 5001 + 5000, picture.source.count("\\n\\tv")
assert picture.svg.count('class="node" id="v') == 5001
assert picture.svg.count('class="edge"') == 5000
"""

LONG_RUN = """
import sys
import tinygrad_lstm as tg, viz
tg.manual_seed(0)
layer = tg.nn.LSTM(2, 2)
sys.setrecursionlimit(200)
trajectory = layer.unroll(tg.randn(1000, 1, 2))
loss = (trajectory.output ** 2).sum()
strip = viz.gradient_paths(loss, trajectory, view="strip", fold=None)
assert strip.svg.count('class="frame"') == 1000
folded = viz.gradient_paths(loss, trajectory)
assert folded.svg.count('class="frame"') < 25
layer = tg.nn.RNN(2, 2)
trajectory = layer.unroll(tg.randn(1000, 1, 2))
loss = (trajectory.output ** 2).sum()
rolled = viz.gradient_paths(loss, trajectory, view="rolled")
assert rolled.svg.count('class="frame"') == 1
assert len(viz.describe(loss, trajectory)) < 20_000
op = viz.gradient_paths(loss, trajectory, view="op")
assert op.svg.count('class="node"') < 600
assert folded.source
"""


@pytest.mark.parametrize(
    "script", [LONG_GRAPH, pytest.param(LONG_RUN, marks=pytest.mark.slow)], ids=["5,000 nodes", "T = 1000"]
)
def test_no_recursion(script: str) -> None:
    run_script(script)


NO_GRAPHVIZ = """
import importlib.util, shutil, subprocess, sys
shutil.which = lambda name, *rest: None
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "pygraphviz" else find_spec(name, *rest)
import viz
from tests.support.runs import run
def refuse(*arguments, **options):
    raise AssertionError(f"a process was started: {arguments}")
trajectory, loss = run()
subprocess.run = subprocess.Popen = refuse
for view in ("auto", "cell", "strip", "rolled", "op"):
    assert viz.draw(trajectory, view=view).svg.startswith("<svg")
    assert viz.gradient_paths(loss, trajectory, view=view).svg.startswith("<svg")
"""


def test_pictures_are_svg_without_any_other_program() -> None:
    run_script(NO_GRAPHVIZ)
