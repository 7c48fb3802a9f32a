"""The commands and their options; what each does is in a module of its own, imported when it runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from tinygrad_lstm import __version__
from tinygrad_lstm.cli.messages import answer, debugging

Register: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


class Commands(typer.Typer):
    """Commands whose errors are one line each, or with ``--debug``, which all of them have, a traceback."""

    def command(self, name: str | None = None, **options: Any) -> Register:  # type: ignore[override]  # of any function
        """Register a function as a command; it returns its exit code."""
        register = super().command(name, **options)
        return lambda run: register(_with_debug(run))


def _with_debug(run: Callable[..., Any]) -> Callable[..., None]:
    flag = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
    debug = Parameter("debug", Parameter.KEYWORD_ONLY, default=False, annotation=flag)
    own = signature(run, eval_str=True)
    taken = own.replace(parameters=[*own.parameters.values(), debug])

    @functools.wraps(run)
    def command(*, debug: bool, **given: Any) -> None:
        debugging.set(debug)
        raise typer.Exit(answer(lambda _: run(**given) or 0))

    vars(command).update(__signature__=taken)
    command.__annotations__ = {name: parameter.annotation for name, parameter in taken.parameters.items()}
    return command


app = Commands(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tinygrad-lstm {__version__}")
        raise typer.Exit


def _path(text: str) -> Path:
    """A path; an empty one, which Path takes for the current folder, is refused."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


def _cells(incomplete: str) -> list[str]:
    """The names of cells that begin so, for the shell to complete."""
    from tinygrad_lstm.cli.cells import CELLS

    return [name for name in CELLS if name.startswith(incomplete)]


def _file(help: str, metavar: str = "FILE") -> Any:
    """An option that is a path."""
    return typer.Option(parser=_path, metavar=metavar, help=help)


SOME_CELL = {"metavar": "CELL", "autocompletion": _cells}
Cell = Annotated[str, typer.Argument(help="LSTM, GRU, RNN, Peephole, ...; a wrong name lists all.", **SOME_CELL)]
CellOfFile = Annotated[
    str | None, typer.Argument(help="LSTM, GRU, ...; not needed where --weights says which.", **SOME_CELL)
]
Steps = Annotated[int, typer.Option(min=1, help="How many time steps.")]
Hidden = Annotated[int, typer.Option(min=1, help="How many units.")]
Seed = Annotated[int, typer.Option(min=0, help="The random numbers to start from.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results for another program.")]
Out = Annotated[Path, _file("The folder to write to.", "DIR")]
Weights = Annotated[Path | None, _file("Weights to draw: ours, a state_dict of PyTorch, .onnx, .keras.")]
WeightFile = Annotated[
    Path, typer.Argument(parser=_path, metavar="FILE", help="Weights, .npz, .safetensors, .onnx, .keras or .h5.")
]
Layer = Annotated[str | None, typer.Option(metavar="NAME", help="Which layer of the file; by default the first.")]


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """A mini autograd framework with recurrent networks, and pictures that show where the gradient went."""


@app.command(epilog="Example: tinygrad-lstm demo --quick --out demo")
def demo(
    text: Annotated[Path | None, _file("A UTF-8 text file; by default Python's language reference.")] = None,
    out: Out = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick", help="A few updates only, to see that everything works.")] = False,
    seed: Seed = 0,
) -> int:
    """Train a character LSTM on real text, and draw where its gradient went. Ctrl-C keeps the best weights so far."""
    from tinygrad_lstm.cli.demo import run

    return run(text, out, quick, seed)


@app.command(
    epilog='Example: tinygrad-lstm claims exploding --out report  (quotes for an id with a prime: claims "V1\'")'
)
def claims(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID | SECTION | TOPIC]...", help="Which claims; none: list them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All claims, in a few minutes.")] = False,
    seed: Seed = 0,
    broken: Annotated[
        str | None, typer.Option(metavar="NAME", help="Break them on purpose: then a claim has to fail.")
    ] = None,
    out: Annotated[Path | None, _file("A folder for a page with their pictures.", "DIR")] = None,
    as_json: Json = False,
) -> int:
    """Run the statements of the teaching notes and check their figures; exit code 1 if one does not hold."""
    from tinygrad_lstm.cli.claims import run

    return run(which or [], every, seed, broken, out, as_json)


@app.command(epilog="Example: tinygrad-lstm draw LSTM --steps 4 --out lstm.svg")
def draw(
    cell: CellOfFile = None,
    *,
    out: Annotated[Path, _file("A .svg, .png, .pdf or .html file.")],
    steps: Steps = 3,
    hidden: Hidden = 4,
    view: Annotated[str, typer.Option(help="auto, cell, op, strip or rolled.")] = "auto",
    weights: Weights = None,
    layer: Layer = None,
    seed: Seed = 0,
) -> int:
    """Draw where the gradient of a cell goes: every line as wide as what was delivered along it."""
    from tinygrad_lstm.cli.draw import draw

    return draw(cell, steps, hidden, view, out, weights, layer, seed)


@app.command(epilog="Example: tinygrad-lstm player GRU --steps 4 --out gru.html")
def player(
    cell: CellOfFile = None,
    *,
    out: Annotated[Path, _file("A .html file.")],
    steps: Steps = 3,
    hidden: Hidden = 4,
    weights: Weights = None,
    layer: Layer = None,
    seed: Seed = 0,
) -> int:
    """Write a page that steps through the forward pass and the backward pass of a cell, operation by operation."""
    from tinygrad_lstm.cli.draw import player

    return player(cell, steps, hidden, out, weights, layer, seed)


@app.command(epilog="Example: tinygrad-lstm flow LSTM GRU RNN --steps 60 --hidden 16 --out flow.svg")
def flow(
    cells: Annotated[list[str], typer.Argument(help="Names of cells; a wrong name lists all.", **SOME_CELL)],
    steps: Steps = 60,
    hidden: Hidden = 16,
    out: Annotated[Path | None, _file("A .svg, .png or .pdf file for the plot.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> int:
    """Compare how far back the gradients of untrained cells reach: their norms by lag, as a table and as one plot."""
    from tinygrad_lstm.cli.flow import run

    return run(cells, steps, hidden, out, seed, as_json)


@app.command(epilog="Example: tinygrad-lstm check sigmoid LSTM")
def check(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[OPERATION | CELL]...", help="Which ones; none: all.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Check the derivatives of operations and cells against finite differences; exit code 1 if one is wrong."""
    from tinygrad_lstm.cli.check import run

    return run(which or [], as_json)


@app.command(epilog="Example: tinygrad-lstm trace LSTM --steps 2")
def trace(
    cell: Cell,
    steps: Steps = 1,
    hidden: Hidden = 1,
    inputs: Annotated[int, typer.Option(min=1, help="How many numbers come in at a step.")] = 1,
    every_row: Annotated[bool, typer.Option("--all", help="All rows of a long table.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> int:
    """Print the backward pass of a cell as a table: what came in, the local derivative, what is handed on."""
    from tinygrad_lstm.cli.trace import run

    return run(cell, steps, hidden, inputs, every_row, seed, as_json)


@app.command(epilog="Example: tinygrad-lstm inspect weights.safetensors")
def inspect(file: WeightFile, as_json: Json = False) -> int:
    """List the arrays of a file of weights, and say how long its recurrent cells remember."""
    from tinygrad_lstm.cli.inspect import run

    return run(file, as_json)


@app.command(epilog="Example: tinygrad-lstm export weights.npz --to onnx --out lstm.onnx")
def export(
    file: WeightFile,
    to: Annotated[str, typer.Option(metavar="LIBRARY", help="torch, onnx or keras.")],
    out: Annotated[Path, _file("The file to write: .safetensors, .onnx or .keras.")],
    layer: Layer = None,
    cell: Annotated[
        str | None, typer.Option(help="The kind of cell, for a file that does not say which it holds.", **SOME_CELL)
    ] = None,
) -> int:
    """Write a recurrent layer for another library. What that cannot hold exactly is refused; the file is read back."""
    from tinygrad_lstm.cli.export import run

    return run(file, to, out, layer, cell)


@app.command(epilog="Example: tinygrad-lstm bench --steps 20 --hidden 32 --seconds 0.5")
def bench(
    steps: Steps = 50,
    batch: Annotated[int, typer.Option(min=1, help="How many sequences at once.")] = 16,
    inputs: Annotated[int, typer.Option(min=1, help="How many numbers come in at a step.")] = 32,
    hidden: Hidden = 64,
    seconds: Annotated[float, typer.Option(min=0, help="How long to measure.")] = 3.0,
    as_json: Json = False,
) -> int:
    """Time a training step of an LSTM: composed, fused, compiled, and PyTorch's where it is installed."""
    from tinygrad_lstm.cli.bench import run

    return run(steps, batch, inputs, hidden, seconds, as_json)


@app.command(epilog="Example: tinygrad-lstm train adding --cell GRU --updates 500 --out adding")
def train(
    task: Annotated[str, typer.Argument(metavar="TASK", help="adding, recall, france, ...; a wrong name lists all.")],
    out: Out,
    cell: Annotated[str, typer.Option(help="LSTM, GRU, ...; a wrong name lists all.", **SOME_CELL)] = "LSTM",
    hidden: Hidden = 32,
    updates: Annotated[int, typer.Option(min=1, help="How many updates of the weights.")] = 1000,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
    shards: Annotated[
        int, typer.Option(min=1, help="Parts of each batch that ranks share: mpiexec -n 4 tinygrad-lstm train ...")
    ] = 1,
) -> int:
    """Let a cell learn a task. Ctrl-C writes a checkpoint to go on from, as a run to the end does."""
    from tinygrad_lstm.cli.train import run

    return run(task, cell, hidden, updates, out, resume, seed, as_json, shards)


@app.command(epilog="Example: tinygrad-lstm learn 0.1")
def learn(
    which: Annotated[
        str | None, typer.Argument(metavar="[CHAPTER | EXERCISE]", help="As 3, or 3.1; none: all chapters.")
    ] = None,
    hint: Annotated[bool, typer.Option("--hint", help="The next hint of the exercise.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The numbers of the class set made with this seed.")] = 0,
    as_json: Json = False,
) -> int:
    """List the exercises of the course and what is solved, or show one; they are answered in Python or a notebook."""
    from tinygrad_lstm.cli.learn import run

    return run(which, hint, seed, as_json)
