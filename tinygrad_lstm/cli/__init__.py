"""The command line. The only part of the package that knows typer and rich."""

from __future__ import annotations

import importlib.util
import sys

from tinygrad_lstm.cli.output import lasting_output


@lasting_output()
def main() -> None:
    """Run ``tinygrad-lstm``; says what to install where one of its libraries is missing."""
    for library in ("typer", "rich", "threadpoolctl"):
        if importlib.util.find_spec(library) is None:
            sys.exit(f"tinygrad-lstm: {library} is missing: pip install 'tinygrad-lstm[cli]'")
    from tinygrad_lstm.cli.app import app

    app()
