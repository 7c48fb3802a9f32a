"""The command line. The only part of the package that knows typer and rich."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``tinygrad-lstm``; says what to install where typer or rich is missing."""
    try:
        import rich
        import typer  # noqa: F401  # only to see that both are there
    except ModuleNotFoundError as error:
        sys.exit(f"tinygrad-lstm: {error.name} is missing: pip install 'tinygrad-lstm[cli]'")
    del rich
    from tinygrad_lstm.cli.app import app

    app()
