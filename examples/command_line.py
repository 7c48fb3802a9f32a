"""What every example takes on its command line, a folder for its pictures and whether to do less, and how it saves."""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

try:
    from threadpoolctl import threadpool_limits
except ModuleNotFoundError:  # scikit-learn brings it
    threadpool_limits = None


class Folder:
    """Where the pictures go."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def save(self, drawing: Any, name: str) -> None:
        """Write a picture or a page of ``viz``, or the figure of a plot, and say where."""
        path = self.path / name
        axes = drawing[0] if isinstance(drawing, list) else drawing
        figure = axes.get_figure(root=True) if hasattr(axes, "get_figure") else axes
        (figure.savefig if hasattr(figure, "savefig") else figure.save)(path)
        print(f"Drawn in {path}")


class Options(NamedTuple):
    """What was asked for."""

    out: Folder
    quick: bool


def options(description: str | None, quick: str = "changes nothing here: this takes a moment") -> Options:
    """``--out`` and ``--quick``, which is as ``quick`` says; ``--help`` shows the description of the example."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the pictures go (default: out/)")
    parser.add_argument("--quick", action="store_true", help=quick)
    given = parser.parse_args()
    if threadpool_limits is not None:
        threadpool_limits(1)  # products this small gain nothing from a second thread, and lose much on a busy machine
    return Options(Folder(given.out), given.quick)
