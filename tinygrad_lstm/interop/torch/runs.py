"""``run``: a module of PyTorch, mirrored, run on an input, and compared with PyTorch before anything is drawn.

The loss is a function of PyTorch's outputs, in PyTorch's own words, so any loss will do. Its gradient by the outputs,
as PyTorch computes it, starts the backward pass here: the loss of a ``Run`` is

    L = Σ y ⊙ ∂L/∂y + rest     summed over all elements of all outputs y; ∂L/∂y and the rest are constant

which has the value of PyTorch's loss, and its gradient by everything before the outputs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.arguments import came
from tinygrad_lstm.engine.gradients import grad
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, DtypeError, MirrorError, UnsupportedError
from tinygrad_lstm.interop.torch.layers import Pair, weights_of
from tinygrad_lstm.interop.torch.mirror import Mirrored, mirror, named
from tinygrad_lstm.interop.torch.weights import array_of
from tinygrad_lstm.nn.recurrent import Recurrent
from tinygrad_lstm.torch_modules import is_torch_module

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}  # of the largest element of an array
ROUNDED = {"float64": 1e-4, "float32": 1e-1}  # a gradient so much smaller than the largest may be rounding alone


@dataclass(frozen=True, repr=False)
class Run:
    """A run that agrees with PyTorch's: ``loss`` and ``trajectory`` are what pictures and routes are made of."""

    model: nn.Module
    inputs: tuple[Any, ...]
    output: Any
    loss: Tensor
    trajectories: Mapping[str, nn.Trajectory]
    differences: Mapping[str, float]  # by output, weight and input: relative to the largest element

    @property
    def trajectory(self) -> nn.Trajectory:
        """Of the only recurrent layer; of several, see ``trajectories``."""
        if len(self.trajectories) != 1:
            names = ", ".join(self.trajectories) or "none"
            raise ArgumentError(
                f"the module has not one recurrent layer but {len(self.trajectories)}: {names}; say layer="
            )
        return next(iter(self.trajectories.values()))

    def __repr__(self) -> str:
        kind = self.model.kind if isinstance(self.model, Mirrored) else type(self.model).__name__
        layers = "".join(f", {name}: {trajectory!r}" for name, trajectory in self.trajectories.items())
        return f"Run({kind}, L = {self.loss.item():.4g}{layers})"


def run(module: Any, *inputs: Any, loss: Callable[[Any], Any] | None = None, layer: str | None = None) -> Run:
    """A module of PyTorch run here, with outputs and gradients equal to PyTorch's.

    ``loss`` takes what the module returns, and gives a tensor of one number; without it, the sum of the squares of the
    first output. ``layer`` is the name of one recurrent layer, where the module has several. The module is to be in
    eval mode if it has dropout, which draws other numbers in every library. Its ``.grad`` are left alone.

    Raises MirrorError where an output or a gradient differs by more than 1e-10 (float32: 1e-5) of its largest element,
    and UnsupportedError for what has no counterpart.
    """
    if not is_torch_module(module):
        raise DtypeError(f"run takes a module of PyTorch, not {came(module)}")
    torch = sys.modules["torch"]
    _refuse_dropout(module, torch)
    ours = mirror(module)
    theirs_in = [_leaf(value, torch) for value in inputs]
    theirs_out = module(*theirs_in)
    theirs_loss = _loss_of(theirs_out, loss, torch)
    ends: dict[Any, Any] = {}  # PyTorch's outputs, each as a leaf: one output may be made of another
    seeding = _loss_of(_cut(theirs_out, ends, torch), loss, torch)
    own_in = [_own(value, torch) for value in theirs_in]
    own_out, trajectories = unrolled(ours, own_in)

    pairs = list(zip(tensors(theirs_out, torch.Tensor), tensors(own_out, Tensor), strict=True))
    differences = {f"output {k}": difference(array_of(their), own.data) for k, (their, own) in enumerate(pairs, 1)}
    reached = [(ends[their], own) for their, own in pairs if their.requires_grad]
    seeds = torch.autograd.grad(seeding, [end for end, _ in reached], allow_unused=True)
    terms = [
        (own * array_of(g).astype(own.dtype)).sum() for (_, own), g in zip(reached, seeds, strict=True) if g is not None
    ]
    if not terms:
        raise ArgumentError("the loss does not depend on any output of the module")
    own_loss = terms[0]
    for term in terms[1:]:
        own_loss = own_loss + term
    own_loss = own_loss + (theirs_loss.item() - own_loss.item())
    label(L=own_loss)
    differences |= _gradient_differences(ours, module, (own_loss, theirs_loss), (own_in, theirs_in), torch)
    _require_equal(differences, str(own_loss.dtype))
    if layer is not None:
        if layer not in trajectories:
            raise ArgumentError(f"layer is one of {', '.join(trajectories)}, not {layer!r}")
        trajectories = {layer: trajectories[layer]}
    return Run(ours, tuple(own_in), own_out, own_loss, trajectories, differences)


def unrolled(ours: nn.Module, inputs: list[Any]) -> tuple[Any, dict[str, nn.Trajectory]]:
    """The output of a mirrored module, and its recurrent layers' trajectories."""
    if isinstance(ours, Mirrored):
        return ours.unroll(*inputs)
    if isinstance(ours, Recurrent):
        trajectory = ours.unroll(*inputs)
        return (trajectory.output, trajectory.state), {type(ours).__name__: trajectory}
    return ours(*inputs), {}


def tensors(value: Any, kind: type) -> Iterator[Any]:
    """All tensors of a nested output, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part, kind)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part, kind)


def difference(theirs: np.ndarray, ours: np.ndarray, least: float = 0.0) -> float:
    """The largest difference of two arrays, relative to the largest element, or to ``least`` if that is more.

    >>> difference(np.array([1.0, 4.0]), np.array([1.0, 4.4])), difference(np.zeros(2), np.zeros(2))
    (0.1..., 0.0)
    """
    if theirs.shape != ours.shape:
        return float("inf")
    if not theirs.size or np.array_equal(theirs, ours, equal_nan=True):
        return 0.0
    scale = max(np.abs(theirs).max(), least) or 1.0
    found = float(np.abs(theirs - ours).max() / scale)
    return found if np.isfinite(found) else float("inf")


def _refuse_dropout(module: Any, torch: Any) -> None:
    for name, part in module.named_modules():
        drops = getattr(part, "p", 0) if isinstance(part, torch.nn.Dropout) else getattr(part, "dropout", 0)
        if part.training and isinstance(drops, float) and drops > 0:
            raise UnsupportedError(
                f"{name or type(part).__name__} drops out, and draws other numbers in every library: .eval() it first"
            )


def _leaf(value: Any, torch: Any) -> Any:
    """An input as PyTorch's tensor, a leaf that gets a gradient if it is floating; tuples of tensors too."""
    if isinstance(value, tuple | list) and any(isinstance(part, torch.Tensor | np.ndarray) for part in value):
        return tuple(_leaf(part, torch) for part in value)
    if value is None:
        return None
    tensor = value.detach().clone() if isinstance(value, torch.Tensor) else torch.as_tensor(np.array(value))
    return tensor.requires_grad_(tensor.is_floating_point())


def _own(value: Any, torch: Any) -> Any:
    """The same as our Tensor, or of whole numbers as an array."""
    if isinstance(value, tuple):
        return tuple(_own(part, torch) for part in value)
    if value is None:
        return None
    array = value.detach().cpu().numpy().copy()
    return Tensor(array, requires_grad=True) if value.requires_grad else array


def _cut(output: Any, ends: dict[Any, Any], torch: Any) -> Any:
    """The same nested output, with a leaf in place of every tensor that has a gradient."""
    if isinstance(output, torch.Tensor):
        return ends.setdefault(output, output.detach().clone().requires_grad_()) if output.requires_grad else output
    if isinstance(output, Mapping):
        return {name: _cut(part, ends, torch) for name, part in output.items()}
    return type(output)(_cut(part, ends, torch) for part in output) if isinstance(output, tuple | list) else output


def _loss_of(output: Any, loss: Callable[[Any], Any] | None, torch: Any) -> Any:
    first = next(tensors(output, torch.Tensor), None)
    found = loss(output) if loss is not None else first if first is None else (first**2).sum()
    if not isinstance(found, torch.Tensor) or found.numel() != 1 or not found.requires_grad:
        raise ArgumentError(f"loss gives a PyTorch tensor of one number that has a gradient, not {came(found)}")
    return found


def _gradient_differences(
    ours: nn.Module, module: Any, losses: tuple[Tensor, Any], inputs: tuple[list[Any], list[Any]], torch: Any
) -> dict[str, float]:
    """The gradient of every weight and every floating input, ours against PyTorch's."""
    floating = [one for one in tensors(inputs[1], torch.Tensor) if one.requires_grad]
    given = zip(tensors(inputs[0], Tensor), floating, strict=True)
    pairs = [Pair(f"input {k}", own, their) for k, (own, their) in enumerate(given, 1)]
    pairs += [pair for pair in all_weights(ours, module) if pair.own.requires_grad]
    leaves = list({id(pair.own): pair.own for pair in pairs}.values())
    own_grads = dict(zip(map(id, leaves), grad(losses[0], leaves, retain_graph=True, allow_unused=True), strict=True))
    grads = torch.autograd.grad(losses[1], [pair.weight for pair in pairs], allow_unused=True)
    compared = {}
    for pair, their in zip(pairs, grads, strict=True):
        own = own_grads[id(pair.own)]
        theirs = np.zeros(pair.weight.shape) if their is None else array_of(their)
        mine = np.zeros(pair.own.shape) if own is None else own.data
        compared[f"the gradient of {pair.name}"] = theirs[pair.part], pair.arrange(mine)
    largest = max((np.abs(theirs).max(initial=0.0) for theirs, _ in compared.values()), default=0.0)
    least = ROUNDED[str(losses[0].dtype)] * float(largest)
    return {name: difference(*both, least) for name, both in compared.items()}


def all_weights(ours: nn.Module, module: Any) -> list[Pair]:
    """Every weight of a mirrored module beside PyTorch's, by PyTorch's full name."""
    if not isinstance(ours, Mirrored):
        return weights_of(ours, module)
    found = [Pair(name, own, named(module, name)) for name, own in ours.constants.items()]
    for name, layer in ours.layers():
        found += [pair._replace(name=f"{name}.{pair.name}") for pair in weights_of(layer, named(module, name))]
    return found


def _require_equal(differences: Mapping[str, float], kind: str) -> None:
    """MirrorError, with the first that differs, unless all agree: outputs come before gradients."""
    for name, found in differences.items():
        if not found <= TOLERANCE[kind]:
            raise MirrorError(
                f"the mirrored module is not PyTorch's: {name} differs by {found:.1e} of its largest element "
                f"(in {kind}, {TOLERANCE[kind]:.0e} is the most)"
            )
