"""``mirror``: a module of PyTorch as one of ours that has the same weights and computes the same.

A layer has its counterpart in ``layers``. Any other module is read by PyTorch's own tracer, torch.fx, which runs its
``forward`` once with placeholders and writes down, line by line, which layers and functions it calls. These lines are
what the mirrored module runs. A ``forward`` that decides by values, or that calls something unknown, is refused.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_lstm import nn
from tinygrad_lstm.arguments import came
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnsupportedError
from tinygrad_lstm.interop.torch.functions import function_of, method_of
from tinygrad_lstm.interop.torch.layers import layer_of, weights_of
from tinygrad_lstm.interop.torch.weights import array_of
from tinygrad_lstm.nn.module import Parameter
from tinygrad_lstm.nn.packing import PackedSequence, pack_padded_sequence, pad_packed_sequence
from tinygrad_lstm.nn.recurrent import Recurrent
from tinygrad_lstm.torch_modules import is_torch_module


@dataclass(frozen=True)
class Value:
    """Stands in a line for what an earlier line gave."""

    name: str


@dataclass(frozen=True)
class Line:
    """One line of a ``forward``: name = what(*args, **kwargs), or name = self.what."""

    name: str
    what: Callable[..., Any] | str  # a function, or the name of a part of the module
    args: Any = ()
    kwargs: Any = field(default_factory=dict)
    is_call: bool = True


class Mirrored(nn.Module):
    """A module of PyTorch as ours: its layers under their own names, and the lines of its ``forward``."""

    def __init__(
        self, kind: str, inputs: Mapping[str, Any], lines: Sequence[Line], output: Any, parts: Mapping[str, Any]
    ) -> None:
        self.kind, self.inputs, self.lines, self.output = kind, dict(inputs), tuple(lines), output
        for name, part in parts.items():
            _place(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What PyTorch's ``forward`` gives, as our Tensors."""
        return self._run(args, kwargs, lambda name, layer, given: layer(*given))

    def unroll(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, nn.Trajectory]]:
        """The same run, with the trajectory of every recurrent layer, by its name."""
        found: dict[str, nn.Trajectory] = {}

        def call(name: str, layer: nn.Module, given: tuple[Any, ...]) -> Any:
            if not isinstance(layer, Recurrent):
                return layer(*given)
            x, *state = given
            if isinstance(x, PackedSequence):  # steps are looked at in a padded batch
                padded, lengths = pad_packed_sequence(x, layer.batch_first)
                trajectory = layer.unroll(padded, *state, lengths=lengths)
                output: Any = pack_padded_sequence(
                    trajectory.output, lengths, layer.batch_first, enforce_sorted=x.sorted_indices is None
                )
            else:
                trajectory = layer.unroll(x, *state)
                output = trajectory.output
            found[name if name not in found else f"{name}, call {len(found) + 1}"] = trajectory
            return output, trajectory.state

        with self.scope():
            output = self._run(args, kwargs, call)
        return output, found

    def _run(self, args: Any, kwargs: Any, call: Callable[[str, nn.Module, tuple[Any, ...]], Any]) -> Any:
        values = self._bind(args, kwargs)
        for line in self.lines:
            given, options = fill(line.args, values), fill(line.kwargs, values)
            if isinstance(line.what, str):
                part = named(self, line.what)
                values[line.name] = call(line.what, part, (*given, *options.values())) if line.is_call else part
                continue
            try:
                values[line.name] = line.what(*given, **options)
            except TypeError as error:
                raise UnsupportedError(f"{self.kind}.forward, {line.name}: {error}") from None
        return fill(self.output, values)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by the names of the parameters."""
        named = dict(zip(self.inputs, args, strict=False)) | kwargs
        values = {name: named.get(name, default) for name, default in self.inputs.items()}
        missing = [name for name, value in values.items() if value is REQUIRED]
        unknown = [name for name in kwargs if name not in self.inputs]
        if missing or unknown or len(args) > len(self.inputs):
            raise ArgumentError(f"{self.kind} is called with {', '.join(self.inputs)}")
        return values

    def layers(self) -> Iterator[tuple[str, nn.Module]]:
        """The layers that are called, by name."""
        names = dict.fromkeys(line.what for line in self.lines if line.is_call)
        return ((name, named(self, name)) for name in names if isinstance(name, str))

    @property
    def constants(self) -> dict[str, Any]:
        """The parameters and buffers that ``forward`` reads by themselves."""
        return {
            line.what: named(self, line.what) for line in self.lines if isinstance(line.what, str) and not line.is_call
        }

    def extra_repr(self) -> str:
        """What PyTorch calls it."""
        return self.kind


REQUIRED = object()  # a parameter without a default


def mirror(module: Any) -> nn.Module:
    """A module of ours with the weights and the mode of one of PyTorch's, which computes the same.

    ``torch.nn.LSTM`` gives an ``nn.LSTM``, a layer its counterpart, and a module that holds layers a ``Mirrored`` with
    the same layers. The weights are copies; one that two layers share is shared here too.

    Raises UnsupportedError, with its name, for a layer, an option or a function that has no counterpart here.

        net = torch.nn.Sequential(torch.nn.Embedding(50, 8), torch.nn.Linear(8, 3))
        ours = mirror(net)                    # ours([1, 2]) is net(torch.tensor([1, 2]))
    """
    if not is_torch_module(module):
        raise DtypeError(f"mirror takes a module of PyTorch, not {came(module)}")
    kind = type(module).__name__
    home = type(module).__module__
    if home.startswith("torch.nn.modules.") and home != "torch.nn.modules.container":
        return layer_of(module, "the module")
    ours = _read(module, kind)
    _share(ours, module)
    return ours


def _read(module: Any, kind: str) -> Mirrored:
    """The module's forward, traced."""
    torch = sys.modules["torch"]
    try:
        graph = torch.fx.Tracer(autowrap_modules=(math, torch.nn.utils.rnn)).trace(module)
    except Exception as error:  # whatever the module's own forward makes of placeholders
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnsupportedError(f"{kind}.forward cannot be followed by torch.fx: {said}") from None
    inputs: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    names: dict[Any, str] = {}
    lines, output = [], None
    where = f"{kind}.forward"
    for node in graph.nodes:
        args, kwargs = _plain(node.args, names), _plain(node.kwargs, names)
        names[node] = node.name
        if node.op == "placeholder":
            inputs[node.target] = args[0] if args else REQUIRED
            names[node] = node.target  # a parameter called input is input_1 in torch.fx
        elif node.op == "output":
            output = args[0]
        elif node.op == "get_attr":
            parts.setdefault(node.target, _constant(named(module, node.target)))
            lines.append(Line(node.name, node.target, is_call=False))
        elif node.op == "call_module":
            parts.setdefault(node.target, layer_of(named(module, node.target), node.target))
            lines.append(Line(node.name, node.target, args, kwargs))
        elif node.op == "call_function":
            lines.append(Line(node.name, function_of(node.target, args, where), args, kwargs))
        else:
            lines.append(Line(node.name, method_of(node.target, where), args, kwargs))
    ours = Mirrored(kind, inputs, lines, output, parts)
    ours.training = module.training
    return ours


def _plain(value: Any, names: Mapping[Any, str]) -> Any:
    """The arguments of a line, with a ``Value`` where PyTorch has a node of these names."""
    if isinstance(value, tuple | list):
        return tuple(_plain(part, names) for part in value)
    if isinstance(value, dict):
        return {name: _plain(part, names) for name, part in value.items()}
    if isinstance(value, slice):
        return slice(*(_plain(part, names) for part in (value.start, value.stop, value.step)))
    if isinstance(value, Hashable) and value in names:
        return Value(names[value])
    if value is None or isinstance(value, bool | int | float | str | type(Ellipsis)):
        return value
    raise UnsupportedError(f"{came(value)} as an argument has no counterpart here")


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """The arguments of a line, with what the earlier lines gave."""
    if isinstance(value, Value):
        return values[value.name]
    if isinstance(value, tuple):
        return tuple(fill(part, values) for part in value)
    if isinstance(value, dict):
        return {name: fill(part, values) for name, part in value.items()}
    if isinstance(value, slice):
        return slice(*(fill(part, values) for part in (value.start, value.stop, value.step)))
    return value


def _constant(value: Any) -> Parameter | Tensor:
    """A parameter or a buffer that the forward reads by itself."""
    array = array_of(value).astype(str(value.dtype).removeprefix("torch."))
    return Parameter(array) if value.requires_grad else Tensor(array)


def _place(whole: nn.Module, name: str, part: Any) -> None:
    """Put a layer or a parameter under its name, with modules between where the name has dots."""
    *path, last = name.split(".")
    for step in path:
        if not hasattr(whole, step):
            setattr(whole, step, nn.Module())
        whole = getattr(whole, step)
    setattr(whole, last, part)


def _share(ours: Mirrored, theirs: Any) -> None:
    """Weights that PyTorch's layers share, shared by ours."""
    known = {id(named(theirs, name)): own for name, own in ours.constants.items()}
    for name, layer in ours.layers():
        for pair in weights_of(layer, named(theirs, name)):
            first = known.setdefault(id(pair.weight), pair.own)
            if first is pair.own:
                continue
            if isinstance(layer, Recurrent | nn.Cell):
                raise UnsupportedError(
                    f"{name}.{pair.name} is shared with another layer: here its gates have a layout of their own"
                )
            setattr(layer, next(word for word, own in layer.named_parameters() if own is pair.own), first)


def named(module: Any, name: str) -> Any:
    """A part of a module by its name, with dots for parts within others."""
    for part in name.split("."):
        module = getattr(module, part)
    return module
