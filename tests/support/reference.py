"""The public places of the packages, and which of their names have no entry of their own in the reference."""

from __future__ import annotations

import importlib

PARTS = """nn nn.functional nn.utils optim optim.lr_scheduler func paths data training distributed lab learn
           interop.torch interop.keras interop.onnx""".split()  # noqa: SIM905  # as one reads it
PLACES = ["tinygrad_lstm", *(f"tinygrad_lstm.{part}" for part in PARTS), "viz", "viz.plots"]
MODULES = {"errors", "func", "interop", "losses", "nn", "optim", "paths", "functional", "init", "utils", "lr_scheduler",
           "baselines", "plots", "distributed"}  # fmt: skip


def names_of(place: str) -> list[str]:
    """The public names of a place, but for the places among them."""
    return [name for name in importlib.import_module(place).__all__ if name not in MODULES]
