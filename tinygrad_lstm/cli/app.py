"""The commands and their options; what each does is in a module of its own, imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_lstm import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tinygrad-lstm {__version__}")
        raise typer.Exit


def _path(text: str) -> Path:
    """A path; an empty one, which Path takes for the current folder, is refused."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


Cell = Annotated[str, typer.Argument(metavar="CELL", help="LSTM, GRU, RNN, Peephole, ...; a wrong name lists all.")]
Steps = Annotated[int, typer.Option(min=1, help="How many time steps.")]
Hidden = Annotated[int, typer.Option(min=1, help="How many units.")]
Seed = Annotated[int, typer.Option(min=0, help="The random numbers to start from.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results for another program.")]
Weights = Annotated[
    Path | None,
    typer.Option(parser=_path, metavar="FILE", help="Weights, .safetensors or .npz, of tg.save or a state_dict."),
]
Layer = Annotated[str | None, typer.Option(metavar="NAME", help="Which cell of the file; by default the first.")]


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """A mini autograd framework with recurrent networks, and pictures that show where the gradient went."""


@app.command()
def demo(
    text: Annotated[
        Path | None,
        typer.Option(parser=_path, metavar="FILE", help="A UTF-8 text file; by default Python's language reference."),
    ] = None,
    out: Annotated[Path, typer.Option(parser=_path, metavar="DIR", help="The folder to write to.")] = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick", help="A few updates only, to see that everything works.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The random numbers to start from.")] = 0,
) -> None:
    """Train a character LSTM on real text, and draw where its gradient went. Ctrl-C keeps the best weights so far."""
    from tinygrad_lstm.cli.demo import run

    raise typer.Exit(run(text, out, quick, seed))


@app.command(
    epilog='Example: tinygrad-lstm claims exploding --out report  (quotes for an id with a prime: claims "V1\'")'
)
def claims(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID | SECTION | TOPIC]...", help="Which claims; none: list them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All claims, in a few minutes.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The random numbers to start from.")] = 0,
    broken: Annotated[
        str | None, typer.Option(metavar="NAME", help="Break them on purpose: then a claim has to fail.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(parser=_path, metavar="DIR", help="A folder for a page with their pictures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results for another program.")] = False,
) -> None:
    """Run the statements of the teaching notes and check their figures; exit code 1 if one does not hold."""
    from tinygrad_lstm.cli.claims import run

    raise typer.Exit(run(which or [], every, seed, broken, out, as_json))


@app.command(epilog="Example: tinygrad-lstm draw LSTM --steps 4 --out lstm.svg")
def draw(
    cell: Cell,
    out: Annotated[Path, typer.Option(parser=_path, metavar="FILE", help="A .svg, .png, .pdf or .html file.")],
    steps: Steps = 3,
    hidden: Hidden = 4,
    view: Annotated[str, typer.Option(help="auto, cell, op, strip or rolled.")] = "auto",
    weights: Weights = None,
    layer: Layer = None,
    seed: Seed = 0,
) -> None:
    """Draw where the gradient of a cell goes: every line as wide as what was delivered along it."""
    from tinygrad_lstm.cli.draw import draw

    raise typer.Exit(draw(cell, steps, hidden, view, out, weights, layer, seed))


@app.command(epilog="Example: tinygrad-lstm player GRU --steps 4 --out gru.html")
def player(
    cell: Cell,
    out: Annotated[Path, typer.Option(parser=_path, metavar="FILE", help="A .html file.")],
    steps: Steps = 3,
    hidden: Hidden = 4,
    weights: Weights = None,
    layer: Layer = None,
    seed: Seed = 0,
) -> None:
    """Write a page that steps through the forward pass and the backward pass of a cell, operation by operation."""
    from tinygrad_lstm.cli.draw import player

    raise typer.Exit(player(cell, steps, hidden, out, weights, layer, seed))


@app.command(epilog="Example: tinygrad-lstm check sigmoid LSTM")
def check(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[OPERATION | CELL]...", help="Which ones; none: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the derivatives of operations and cells against finite differences; exit code 1 if one is wrong."""
    from tinygrad_lstm.cli.check import run

    raise typer.Exit(run(which or [], as_json))


@app.command(epilog="Example: tinygrad-lstm trace LSTM --steps 2")
def trace(
    cell: Cell,
    steps: Steps = 1,
    hidden: Hidden = 1,
    inputs: Annotated[int, typer.Option(min=1, help="How many numbers come in at a step.")] = 1,
    every_row: Annotated[bool, typer.Option("--all", help="All rows of a long table.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Print the backward pass of a cell as a table: what came in, the local derivative, what is handed on."""
    from tinygrad_lstm.cli.trace import run

    raise typer.Exit(run(cell, steps, hidden, inputs, every_row, seed, as_json))


@app.command(epilog="Example: tinygrad-lstm inspect weights.safetensors")
def inspect(
    file: Annotated[
        Path, typer.Argument(parser=_path, metavar="FILE", help="Weights, .npz, .safetensors, .keras or .h5.")
    ],
    as_json: Json = False,
) -> None:
    """List the arrays of a file of weights, and say how long its recurrent cells remember."""
    from tinygrad_lstm.cli.inspect import run

    raise typer.Exit(run(file, as_json))


@app.command(epilog="Example: tinygrad-lstm train adding --cell GRU --updates 500 --out adding")
def train(
    task: Annotated[str, typer.Argument(metavar="TASK", help="adding, recall, france, ...; a wrong name lists all.")],
    out: Annotated[Path, typer.Option(parser=_path, metavar="DIR", help="The folder to write to.")],
    cell: Annotated[str, typer.Option(metavar="CELL", help="LSTM, GRU, ...; a wrong name lists all.")] = "LSTM",
    hidden: Hidden = 32,
    updates: Annotated[int, typer.Option(min=1, help="How many updates of the weights.")] = 1000,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
    shards: Annotated[
        int, typer.Option(min=1, help="Parts of each batch that ranks share: mpiexec -n 4 tinygrad-lstm train ...")
    ] = 1,
) -> None:
    """Let a cell learn a task. Ctrl-C writes a checkpoint to go on from, as a run to the end does."""
    from tinygrad_lstm.cli.train import run

    raise typer.Exit(run(task, cell, hidden, updates, out, resume, seed, as_json, shards))
