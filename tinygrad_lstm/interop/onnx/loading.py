"""The recurrent nodes of an ``.onnx`` file as layers of this package, from any writer."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

from tinygrad_lstm.errors import MissingExtraError, WeightsError
from tinygrad_lstm.interop.layout import Array
from tinygrad_lstm.interop.onnx.graph import package
from tinygrad_lstm.interop.onnx.operators import OPERATORS, set_inputs
from tinygrad_lstm.interop.onnx.scopes import Scope, scopes
from tinygrad_lstm.nn.cells import Cell, RNNCell
from tinygrad_lstm.nn.lstm_variants import ClippedLSTMCell
from tinygrad_lstm.nn.recurrent import GRU, LSTM, RNN, Recurrent


class Kind(NamedTuple):
    """What ONNX says of an operator, and our layer of it."""

    layer: type[Recurrent]
    gates: int
    activations: list[str]  # of one direction, where a node names none


KINDS = {
    "RNN": Kind(RNN, 1, ["tanh"]),
    "LSTM": Kind(LSTM, 4, ["sigmoid", "tanh", "tanh"]),
    "GRU": Kind(GRU, 3, ["sigmoid", "tanh"]),
}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
DEFAULTS: dict[str, Any] = {"direction": "forward", "layout": 0, "input_forget": 0, "linear_before_reset": 0}
DIRECTIONS = ("forward", "reverse", "bidirectional")
READ = {*DEFAULTS, "clip", "hidden_size", "activations", "activation_alpha", "activation_beta", "output_sequence"}


def load(path: str | Path) -> dict[str, Recurrent]:
    """Every node RNN, LSTM and GRU of the file by its name, as a layer with its weights in their dtype.

    Those in subgraphs, of If, Loop and Scan, come after those of the graph around. A node without a name has that of
    its first output. A stack of layers is as many nodes, so as many layers here:
    ``lower, upper = load(path).values()``. Initial states and lengths are not the layer's, they come with each call;
    so those in the file are not read. With ``layout=1`` x and output are batch_first, the states as they always are.
    A cell that a file writes out in products and sums, as some exporters do, is no recurrent node, and not found.

    Raises FileNotFoundError, and WeightsError for a file that is broken or has no such node, for weights that hang on
    what the file is given when it runs, and for what no cell of ours does: unusual activations, clip in other than
    plain LSTMs. ``nodes`` lists what there is, with what can be loaded and what cannot.

    >>> import tempfile
    >>> from tinygrad_lstm import interop, nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> interop.onnx.export(nn.GRU(3, 5, bidirectional=True), f"{folder.name}/gru.onnx")
    >>> load(f"{folder.name}/gru.onnx")["layer0"].extra_repr()
    '3 -> 5, both directions'
    >>> folder.cleanup()
    """
    found = nodes(path)
    with readable(path):
        return {node.name: node.layer() for node in found}


class Node(NamedTuple):
    """A recurrent node of a file: its operator, its attributes, and in which subgraph it is, "" for none."""

    name: str
    operator: str
    attributes: dict[str, Any]
    inputs: dict[str, str]  # ONNX's name of an input, and the file's
    scope: Scope

    @property
    def place(self) -> str:
        """The subgraph that it is in: the operator, its name, and which of its graphs."""
        return self.scope.place

    def layer(self) -> Recurrent:
        """The node as a layer; WeightsError, with the node's name, where that cannot be."""
        try:
            return _layer(self)
        except WeightsError as error:
            raise WeightsError(f"{self.operator} {self.name!r}: {error}") from None
        except Exception as error:  # of attributes of other kinds than the operator has
            raise WeightsError(f"{self.operator} {self.name!r} is not whole ({error})") from error

    @property
    def activations(self) -> list[str]:
        """In lower case, as many for each direction; those that ONNX takes where the node says none."""
        usual = KINDS[self.operator].activations * (2 if self.attributes.get("direction") == "bidirectional" else 1)
        given = self.attributes.get("activations") or usual
        return [f"{name}".lower() for name in (given if isinstance(given, list) else [given])]


def nodes(path: str | Path) -> list[Node]:
    """The nodes RNN, LSTM and GRU of a file, in its graph and in the subgraphs of If, Loop and Scan.

    Raises FileNotFoundError, and WeightsError for a file that is broken or has none.

    >>> import tempfile
    >>> from tinygrad_lstm import interop, nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> interop.onnx.export(nn.LSTM(3, 5), f"{folder.name}/lstm.onnx")
    >>> [(node.name, node.operator, node.attributes["hidden_size"]) for node in nodes(f"{folder.name}/lstm.onnx")]
    [('layer0', 'LSTM', 5)]
    >>> folder.cleanup()
    """
    found: dict[str, Node] = {}
    others: dict[str, None] = {}  # the operators that there are instead
    with readable(path):
        for scope in scopes(Path(path)):
            for node in scope.graph.node:
                if node.op_type not in KINDS or node.domain not in ("", "ai.onnx"):
                    others[node.op_type] = None
                    continue
                name = _name(node, scope.place, found)
                attributes = {attribute.name: _value(attribute) for attribute in node.attribute}
                inputs = {key: given for key, given in zip(INPUTS, node.input, strict=False) if given}
                found[name] = Node(name, node.op_type, attributes, inputs, scope)
        if not found:
            there = f", but {', '.join(others)}" if others else ""
            raise WeightsError(f"no node RNN, LSTM or GRU in the file's graphs{there}")
    return list(found.values())


def _name(node: Any, place: str, taken: Container[str]) -> str:
    """The node's name, or that of its first output; where another node has these, with its place or a number."""
    names: list[str] = [node.name, next(filter(None, node.output), "a node without outputs")]
    first = next(filter(None, names))
    more = chain([f"{first} ({place})"] if place else [], (f"{first} [{k}]" for k in count(2)))
    return next(name for name in chain(names, more) if name and name not in taken)


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Errors about a file in words: a broken file may hold anything, and its readers raise nearly anything."""
    try:
        yield
    except (FileNotFoundError, MissingExtraError):
        raise
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except Exception as error:
        raise WeightsError(f"{path} is not a whole .onnx file ({str(error) or type(error).__name__})") from error


def _value(attribute: Any) -> Any:
    """The value of an attribute, its texts as str."""
    value = package().helper.get_attribute_value(attribute)
    if isinstance(value, list):
        return [part.decode(errors="replace") if isinstance(part, bytes) else part for part in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _layer(node: Node) -> Recurrent:
    """One node as a layer."""
    names = {key: name for key, name in node.inputs.items() if key in ("W", "R", "B", "P")}
    if not {"W", "R"} <= names.keys():
        raise WeightsError("the file does not hold its W and R")
    options = DEFAULTS | node.attributes
    both = options["direction"] == "bidirectional"
    cell = _cell(node, options, 1 + both, "P" in names)
    arrays = {key: node.scope.array(name) for key, name in names.items()}
    D, H = _sizes(arrays, options, 1 + both, KINDS[node.operator].gates)
    layer = KINDS[node.operator].layer(
        D, H, cell=cell, bias="B" in arrays, batch_first=options["layout"] == 1,
        bidirectional=both, reverse=options["direction"] == "reverse",
    ).astype(arrays["W"].dtype)  # fmt: skip
    cells: list[Any] = list(layer.layers)
    for k, own in enumerate(cells):
        set_inputs(own, {key: array[k] for key, array in arrays.items()})
    return layer


def _cell(node: Node, options: dict[str, Any], ways: int, peepholes: bool) -> Callable[..., Cell]:
    """What makes our cell that does the same."""
    if unknown := options.keys() - READ:
        said = ", ".join(f"{name}={options[name]}" for name in sorted(unknown))
        raise WeightsError(f"no cell of ours does {said}")
    operator, activations, usual = node.operator, node.activations, KINDS[node.operator].activations * ways
    if options["direction"] not in DIRECTIONS or options["layout"] not in (0, 1):
        raise WeightsError(f"direction={options['direction']!r} and layout={options['layout']} are not in the standard")
    if "clip" in options:
        if operator == "LSTM" and activations == usual and not peepholes and not options["input_forget"]:
            return partial(ClippedLSTMCell, clip=options["clip"])
        raise WeightsError(f"of our cells only a plain LSTM clips (clip={options['clip']})")
    if operator == "RNN" and activations == ["relu"] * ways:
        return partial(RNNCell, nonlinearity="relu")
    if activations != usual:
        raise WeightsError(f"no cell of ours has the activations {', '.join(activations)}, but {', '.join(usual)}")
    for kind, known in OPERATORS.items():
        same = all(options[name] == value for name, value in known.attributes.items())
        if known.name == operator and known.peepholes == peepholes and same:
            return kind
    raise WeightsError("no cell of ours couples its gates (input_forget) and has peepholes")


def _sizes(arrays: dict[str, Array], options: dict[str, Any], ways: int, gates: int) -> tuple[int, int]:
    """D and H, if all arrays agree on them."""
    D, H = (arrays[key].shape[-1] if arrays[key].ndim else 0 for key in "WR")
    n = gates * H
    fitting = {"W": (ways, n, D), "R": (ways, n, H), "B": (ways, 2 * n), "P": (ways, 3 * H)}
    wrong = [f"{key} is {array.dtype} {array.shape}, should be float {fitting[key]}"
             for key, array in arrays.items() if array.shape != fitting[key] or array.dtype.kind != "f"]  # fmt: skip
    if options.get("hidden_size", H) != H:
        wrong.append(f"hidden_size is {options['hidden_size']}, but R is {arrays['R'].dtype} {arrays['R'].shape}")
    if wrong:
        raise WeightsError("; ".join(wrong))
    return D, H
