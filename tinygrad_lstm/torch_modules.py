"""``also_of_torch``: a function of a loss and a trajectory that takes a module of PyTorch in their place.

    viz.gradient_paths(module, x, loss=f)     is     run = interop.torch.run(module, x, loss=f)
                                                     viz.gradient_paths(run.loss, run.trajectory)

PyTorch is never imported here: a module of it comes from a caller who has imported it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class TorchModule(Protocol):
    """A ``torch.nn.Module``, as a type checker knows it without PyTorch."""

    def register_full_backward_hook(self, hook: Any) -> Any:
        """No other module has this method."""


class AlsoOfTorch(Protocol[P, R]):
    """The function as it is, and of a module, its inputs, its loss and the name of one recurrent layer."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self, module: TorchModule, /, *inputs: Any, loss: Callable[[Any], Any] | None = None, layer: str | None = None,
        **options: Any,
    ) -> R: ...  # fmt: skip


def is_torch_module(value: object) -> bool:
    """Whether this is a module of PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def also_of_torch(arguments: Callable[[Any], tuple[Any, ...]]) -> Callable[[Callable[P, R]], AlsoOfTorch[P, R]]:
    """Decorate a function that looks at a run: ``arguments`` makes its positional arguments of a ``Run``."""

    def decorate(function: Callable[P, R]) -> AlsoOfTorch[P, R]:
        @functools.wraps(function)
        def looking(*args: Any, **kwargs: Any) -> R:
            if args and is_torch_module(args[0]):
                mirrored = importlib.import_module("tinygrad_lstm.interop.torch")
                run = mirrored.run(*args, loss=kwargs.pop("loss", None), layer=kwargs.pop("layer", None))
                args = arguments(run)
            return function(*args, **kwargs)

        return cast("AlsoOfTorch[P, R]", looking)

    return decorate


def loss_and_trajectory(run: Any) -> tuple[Any, ...]:
    """What most pictures are of."""
    return run.loss, run.trajectory


def trajectory_alone(run: Any) -> tuple[Any, ...]:
    """What a picture of the values is of."""
    return (run.trajectory,)


def loss_and_states(run: Any) -> tuple[Any, ...]:
    """What the routes are of: the belt's state at each step, h where there is no belt."""
    cell = run.trajectory.chains[-1].cell
    name = (*cell.carried, *cell.states)[0]
    return run.loss, [getattr(step, name) for step in run.trajectory.steps]
