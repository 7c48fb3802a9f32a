"""The recurrent nodes of an ``.onnx`` file for a person: where they are, their sizes, and why one cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinygrad_lstm import interop
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.onnx.loading import DEFAULTS, Node

Record = dict[str, Any]


def records(path: Path) -> Iterator[Record]:
    """What each node is, for another program."""
    for node in interop.onnx.nodes(path):
        options = DEFAULTS | node.attributes
        sizes, refused = [options.get("hidden_size")], None
        try:
            layer = node.layer()
            sizes = [layer.input_size, layer.hidden_size]
        except WeightsError as error:
            refused = str(error)
        yield {
            "name": node.name, "operator": node.operator, "place": node.place, "sizes": sizes,
            "direction": options["direction"], "activations": node.activations, "starts_from": start_of(node),
            "lengths": node.inputs.get("sequence_lens"), "refused": refused,
        }  # fmt: skip


def start_of(node: Node) -> str:
    """Where its first state comes from: "0", "numbers in the file", or the names of what is known at a run only."""
    names = [node.inputs[name] for name in ("initial_h", "initial_c") if name in node.inputs]
    try:
        return "numbers in the file" if any(node.scope.array(name).any() for name in names) else "0"
    except WeightsError:
        return ", ".join(names)


def describe(node: Record) -> str:
    """A node in lines.

    >>> node = {"name": "rnn", "operator": "GRU", "place": "If 'short', then_branch", "sizes": [3, 5],
    ...         "direction": "forward", "activations": ["sigmoid", "tanh"], "starts_from": "h", "refused": None}
    >>> print(describe(node | {"lengths": None}))
    rnn: GRU 3 -> 5, forward, activations sigmoid, tanh
      in If 'short', then_branch
      starts from h: the layer takes it with each call
    """
    sizes = " -> ".join("?" if size is None else f"{size}" for size in node["sizes"])
    activations = ", ".join(node["activations"])
    lines = [f"{node['name']}: {node['operator']} {sizes}, {node['direction']}, activations {activations}"]
    lines += [f"in {node['place']}"] if node["place"] else []
    if node["starts_from"] != "0":
        lines.append(f"starts from {node['starts_from']}: the layer takes it with each call")
    lines += [f"lengths are {node['lengths']}: the layer takes them with each call"] if node["lengths"] else []
    lines += [f"refused: {node['refused']}"] if node["refused"] else []
    return "\n  ".join(lines)
