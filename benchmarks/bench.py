"""Every figure of speed and memory beside the packages that are installed: python benchmarks/bench.py [--quick]

Each pair runs in turns, in a process of its own, on one BLAS thread, in float32; process CPU time. A row has the ratio
of medians and, in brackets, of the best; its goal, whether it is met, and else why. Written as Markdown, and with
``--json FILE`` as JSON. On a machine where others work, look at the ratios and run it twice. On a quiet one it takes
less than ten minutes; with ``--quick``, the first size of each pair and few rounds, less than one.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rows import BUFFERS, GROWTH, IMPORT, PAIRS, SET_UP, Pair, Size

HERE = Path(__file__).parent


class Row(NamedTuple):
    """One figure."""

    what: str
    size: Size | None
    figure: float | None  # None where it could not be measured: the note says why
    best: float | None = None
    goal: float | None = None
    note: str = ""
    milliseconds: tuple[float, float] | None = None  # ours and theirs, medians
    peak: int | None = None  # bytes that ours has in use at most

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None or self.figure is None else self.figure <= self.goal

    def markdown(self) -> str:
        """As a line of a table."""
        figure = "-" if self.figure is None else f"{self.figure:.2f}"
        figure += "" if self.best is None else f" ({self.best:.2f})"
        ms = "" if self.milliseconds is None else "{:.2f} / {:.2f}".format(*self.milliseconds)
        peak = "" if self.peak is None else f"{self.peak / 1e6:.1f}"
        goal = "" if self.goal is None else f"<= {self.goal:g}"
        met = {True: "met", False: "**not met**", None: ""}[self.met]
        note = self.note if self.met is False or self.figure is None else ""
        size = "" if self.size is None else str(self.size)
        return f"| {' | '.join([self.what, size, figure, goal, met, ms, peak, note])} |"


COMPILED = ("nn.LSTM, compiled", "PyTorch, the same lines")
HEAD = """| what | (T, B, D, H) | ratio (of the best) | goal | | ms, ours / theirs | peak, MB | note |
|---|---|---|---|---|---|---|---|"""


def run_pair(pair: Pair, size: Size, seconds: float) -> dict[str, Any]:
    """The times of a pair at one size, from a process of its own."""
    command = [sys.executable, str(HERE / "pair.py"), pair.ours, pair.theirs, *map(str, size), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"missing": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows_of(pair: Pair, seconds: float, quick: bool) -> Iterator[Row]:
    """The figures of a pair: at each size, and their geometric mean."""
    what, ratios = f"{pair.ours} / {pair.theirs}", []
    for k, size in enumerate(pair.sizes[:1] if quick else pair.sizes):
        found = run_pair(pair, size, seconds)
        if "missing" in found:
            yield Row(what, None, None, note=f"left out: {found['missing']}")
            return
        ours, theirs = found["ours"], found["theirs"]
        medians = statistics.median(ours), statistics.median(theirs)
        ratios.append(medians[0] / medians[1])
        yield Row(
            what, size, ratios[-1], min(ours) / min(theirs), pair.goal(k), pair.reason, medians, found["peak"]
        )  # fmt: skip
        if pair[:2] == COMPILED and k == 0:
            yield Row("set-up of compiling, seconds", size, found["set_up"], goal=SET_UP, note="it records twice")
    if len(ratios) > 1 and pair.mean is not None:
        mean = math.exp(statistics.mean(map(math.log, ratios)))
        yield Row(f"{what}, geometric mean", None, mean, goal=pair.mean, note=pair.reason)


def buffers(rows: list[Row]) -> Iterator[Row]:
    """What a compiled step has in use at most, over a composed one, where both were measured."""
    peaks = {(row.what.split(" / ")[0], row.size): row.peak for row in rows if row.peak}
    for (name, size), peak in peaks.items():
        composed = peaks.get(("nn.LSTM", size))
        if name == "nn.LSTM, compiled" and composed and peak:
            note = "all its buffers are made at set-up" if peak < composed / 2 else "one buffer for each value of all T"
            yield Row("peak of compiled / composed", size, peak / composed, goal=BUFFERS, note=note, peak=peak)


def growth(quick: bool) -> Iterator[Row]:
    """What a step costs at T = 10,000 over what it costs at T = 1,000."""
    short, long = (200, 2_000) if quick else (1_000, 10_000)
    done = subprocess.run(
        [sys.executable, str(HERE / "growth.py"), "--json", str(short), str(long)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    for collector, goal in GROWTH.items():
        search = "one search through all live nodes after the run, from memory: 72 objects a step"
        note = search if collector == "on" else "caches, page faults"
        yield Row(
            f"a step at T = {long:,} / {short:,}, collector {collector}", None, found[collector], goal=goal, note=note
        )
    yield Row(f"its memory at T = {long:,} / {short:,}", None, found["memory"], goal=1.05)


def importing(quick: bool) -> Iterator[Row]:
    """``import tinygrad_lstm`` over ``import numpy``."""
    command = [sys.executable, str(HERE / "import_time.py"), "--json", *["5"] * quick]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ratio = found["import tinygrad_lstm"] / found["import numpy"]
    note = "the ops of NumPy are declared one by one"
    yield Row("import tinygrad_lstm / import numpy", None, ratio, goal=IMPORT, note=note)


def figures(quick: bool) -> Iterator[Row]:
    """All of them, as they are measured."""
    rows: list[Row] = []
    for pair in PAIRS:
        for row in rows_of(pair, 0.4 if quick else 4.0, quick):
            rows.append(row)
            yield row
    yield from buffers(rows)
    yield from growth(quick)
    yield from importing(quick)


def versions() -> dict[str, str]:
    """What it was measured on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "machine": platform.machine(), "numpy": np.__version__}
    for name in ("torch", "autograd", "mygrad", "jax"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one size of each pair and few rounds")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    about = versions()
    print(", ".join(f"{name} {value}" for name, value in about.items()), HEAD, sep="\n\n", flush=True)
    rows = []
    for row in figures(given.quick):
        print(row.markdown(), flush=True)
        rows.append(row)
    goals = [row for row in rows if row.met is not None]
    short = [row for row in goals if not row.met]
    print(f"\n{len(goals) - len(short)} of {len(goals)} goals are met.")
    if given.json:
        lines = [{**row._asdict(), "met": row.met} for row in rows]
        Path(given.json).write_text(json.dumps({"measured on": about, "rows": lines}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
