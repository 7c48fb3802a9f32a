"""The command line. The only part of the package that knows typer and rich."""

from __future__ import annotations

import importlib.util
import sys

from tinygrad_lstm.cli.output import lasting_output

LIBRARIES = ("typer", "rich", "threadpoolctl")  # of the extra ``cli``


@lasting_output()
def main() -> None:
    """Run ``tinygrad-lstm``; without its libraries, say in one line what to install, and exit with 2."""
    missing = [library for library in LIBRARIES if importlib.util.find_spec(library) is None]
    if missing:
        print(f'tinygrad-lstm needs {", ".join(missing)}: pip install "tinygrad-lstm[cli]"', file=sys.stderr)
        sys.exit(2)
    from tinygrad_lstm.cli.app import app

    app()
