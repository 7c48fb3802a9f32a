"""A task learned by a cell: with progress, a checkpoint to go on from, a log, the best weights and their curve.

Under ``mpiexec`` the ranks share each batch; rank 0 alone prints and writes.
"""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from threadpoolctl import threadpool_limits

import tinygrad_lstm as tg
from tinygrad_lstm import distributed, nn, saving
from tinygrad_lstm.cli.cells import CELLS, find_cell
from tinygrad_lstm.cli.messages import BROKE_OFF, DONE, INTERRUPTED, answer, make_writable, print_json, say
from tinygrad_lstm.cli.progress import progress_bar
from tinygrad_lstm.data import TASKS, Task
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.nn.fused import fusible
from tinygrad_lstm.training import CSVLog, SequenceModel, Training

CHECKPOINT, LOG, WEIGHTS, CURVE = "checkpoint.npz", "log.csv", "weights.npz", "curve.svg"


def run(
    task: str, cell: str, hidden: int, updates: int, out: Path, resume: bool, seed: int, as_json: bool, shards: int = 1
) -> int:
    """Train, and write what came of it into a folder; returns the exit code."""
    return answer(
        lambda console: _run(console, task, cell, hidden, updates, out, resume, seed, as_json, shards),
        lambda: distributed.rank() > 0,
    )


def _check_folder(out: Path, resume: bool) -> None:
    """Make the folder; ArgumentError for one with a checkpoint that is not to go on, or the other way round."""
    there = (out / CHECKPOINT).exists()
    if there and not resume:
        raise ArgumentError(f"{out} has a checkpoint already: --resume goes on from it, another --out begins anew")
    if resume and not there:
        raise ArgumentError(f"there is no {out / CHECKPOINT} to go on from; without --resume a training begins")
    make_writable(out, [CHECKPOINT, LOG, WEIGHTS, CURVE])


def _run(
    console: Console, name: str, cell: str, hidden: int, updates: int, out: Path, resume: bool, seed: int,
    as_json: bool, shards: int,
) -> int:  # fmt: skip
    if name not in TASKS:
        raise ArgumentError(f"no task {name!r}; there are {', '.join(TASKS)}")
    cell, task = find_cell(cell), TASKS[name]()
    distributed.from_first("tinygrad-lstm train", lambda: _check_folder(out, resume))
    tg.manual_seed(seed)
    layer = partial(nn.Recurrent, cell=CELLS[cell], fused=fusible(CELLS[cell](1, 2)))
    model = SequenceModel(task, hidden, layer)
    log = CSVLog(out / LOG)
    training = Training(model, task, updates, seed=seed, checkpoint=out / CHECKPOINT, callbacks=[log], shards=shards)
    if resume:
        training.resume()
    is_shown = console.is_terminal and not as_json
    code, why = DONE, ""
    with threadpool_limits(1), progress_bar(updates, console) if is_shown else nullcontext() as show:
        training.callbacks = [log, show] if show else [log]
        try:
            training.run()
        except KeyboardInterrupt:
            code, why = INTERRUPTED, "stopped"
        except GradError as error:
            code, why = BROKE_OFF, f"broke off: {error}"
    if distributed.rank():
        return code
    model.load_state_dict(training.best or model.state_dict())
    saving.save({"task": name, "cell": cell, "hidden": hidden, "weights": model}, out / WEIGHTS)
    drawn = _draw_curve(training, task, out / CURVE)
    result = {
        "task": name, "cell": cell, "hidden": hidden, "updates": len(training.history), "measure": task.measure.score,
        "best": training.best_score if training.scores else None, "chance": task.chance, "goal": task.goal,
        "stopped": why or training.stopped,
    }  # fmt: skip
    _report(console, result, out, drawn, as_json)
    return code


def _report(console: Console, result: dict[str, Any], out: Path, drawn: bool, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    best = "not measured" if result["best"] is None else f"{result['best']:.3g}"
    say(
        console,
        f"{result['task']}, {result['cell']} of {result['hidden']} units, {result['updates']} updates: "
        f"best {result['measure']} {best} (chance {result['chance']:.3g}, goal {result['goal']:.3g}); "
        f"{result['stopped']}",
    )
    curve = f", {CURVE}" if drawn else '; no curve without matplotlib: pip install "tinygrad-lstm[viz]"'
    say(console, f"{out}: {WEIGHTS}, {CHECKPOINT}, {LOG}{curve}")


def _draw_curve(training: Training, task: Task, path: Path) -> bool:
    """The scores over the updates, beside chance and goal; False where nothing can be drawn."""
    if importlib.util.find_spec("matplotlib") is None or not training.scores:
        return False
    from viz import plots

    points = {update.number: update.score for update in training.history if update.score is not None}
    lines = {f"chance {task.chance:.3g}": task.chance, f"goal {task.goal:.3g}": task.goal}
    ax = plots.scores({task.name: points}, x="update", y=task.measure.score, lines=lines)
    plots.save(ax, path)
    return True
