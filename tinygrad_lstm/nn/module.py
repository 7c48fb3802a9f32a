"""Module: parameters and parts found by looking at the attributes, and a scope around every call."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.scope import Scope, current_scope, place, scope
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import DtypeError, WeightsError

M = TypeVar("M", bound="Module")


class Parameter(Tensor):
    """A tensor that a module learns: a leaf that requires a gradient, named by the attribute it is put under."""

    __slots__ = ()

    def __init__(self, data: TensorLike, requires_grad: bool = True, dtype: DTypeLike | None = None) -> None:
        super().__init__(data, requires_grad, dtype)

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})"


class IncompatibleKeys(NamedTuple):
    """The names of weights and of parameters that have no counterpart, from ``load_state_dict``."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """A piece of a network: subclasses put Parameters and Modules into attributes and write ``forward``.

    >>> class Square(Module):
    ...     def __init__(self):
    ...         self.w = Parameter([2.0, 3.0])
    ...     def forward(self, x):
    ...         return (self.w * x) ** 2
    >>> square = Square()
    >>> [name for name, _ in square.named_parameters()]
    ['w']
    >>> square
    Square(2 parameters)
    """

    training: bool = True
    _name: str = ""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise TypeError(f"{type(self).__name__} has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` in a scope of the module's name."""
        outer = current_scope.get()  # ``with self.scope():`` written out: a cell is called at every step
        try:  # first, for Ctrl-C may come at any moment
            current_scope.set(Scope(self._name or type(self).__name__.lower(), outer, None, place()))
            return self.forward(*args, **kwargs)
        finally:
            current_scope.set(outer)

    def scope(self) -> scope:
        """The scope that a call of this module opens: its name, and where it was called from."""
        return scope(self._name or type(self).__name__.lower(), caller=place())

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if isinstance(value, Module):
            value._rename(name)
        elif isinstance(value, Parameter):
            label(**{name: value})

    def _rename(self, name: str) -> None:
        self._name = name

    # Parts and parameters -------------------------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """The direct parts, by attribute name, in the order in which they were put in."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def modules(self) -> Iterator[Module]:
        """This module and every part of it, each once."""
        seen: set[int] = set()
        waiting: list[Module] = [self]
        while waiting:
            module = waiting.pop(0)
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                waiting[:0] = [part for _, part in module.children()]

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted name; one that is shared comes once, under its first name."""
        return self._named_parameters(prefix, {id(self)})

    def _named_parameters(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Parameter]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Module) and id(value) not in seen:
                seen.add(id(value))
                if isinstance(value, Parameter):
                    yield prefix + name, value
                else:
                    yield from value._named_parameters(f"{prefix}{name}.", seen)

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def parameter_count(self) -> int:
        """How many numbers the module learns."""
        return sum(parameter.size for parameter in self.parameters())

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    # Modes ----------------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Into training mode (dropout acts), with all parts; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Into evaluation mode (dropout passes everything), with all parts; returns the module."""
        return self.train(False)

    def astype(self, dtype: DTypeLike) -> Self:
        """All parameters in another floating dtype, without their gradients; returns the module."""
        if np.dtype(dtype).kind != "f":
            raise DtypeError(f"parameters are of a floating dtype, not {np.dtype(dtype)}")
        for parameter in self.parameters():
            parameter._data = parameter.data.astype(dtype)
            parameter._source = parameter._leaf(parameter.requires_grad)
        return self

    def floating(self, x: TensorLike) -> Tensor:
        """x as a Tensor; integers and truth values are taken in the dtype of the module's parameters."""
        tensor: Tensor = x if isinstance(x, Tensor) else Tensor(x)
        if tensor.dtype.kind in "fc":
            return tensor
        return tensor.astype(next((parameter.dtype for parameter in self.parameters()), get_default_dtype()))

    # Weights as arrays ----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of every parameter's array by its dotted name."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state_dict: Mapping[str, TensorLike], strict: bool = True) -> IncompatibleKeys:
        """Set every parameter from such arrays; without ``strict``, those that are there.

        Raises WeightsError, with all that is mis-shaped, no real number and (if ``strict``) missing or unexpected,
        before anything is changed.
        """
        if not isinstance(state_dict, Mapping):
            raise WeightsError(f"weights are a dict of arrays by name, not a {type(state_dict).__name__}")
        own = dict(self.named_parameters())
        arrays = {
            name: np.asarray(value.data if isinstance(value, Tensor) else value) for name, value in state_dict.items()
        }
        keys = IncompatibleKeys(
            [name for name in own if name not in arrays], [name for name in arrays if name not in own]
        )
        pairs = [(name, arrays[name], parameter) for name, parameter in own.items() if name in arrays]
        complaints: list[str] = []
        if strict:
            complaints += [f"missing: {name} {own[name].shape}" for name in keys.missing_keys]
            complaints += [f"unexpected: {name} {arrays[name].shape}" for name in keys.unexpected_keys]
        for name, array, parameter in pairs:
            if array.shape != parameter.shape:
                complaints.append(f"mis-shaped: {name} is {array.shape}, should be {parameter.shape}")
            if array.dtype.kind not in "biuf":
                complaints.append(f"not real numbers: {name} is {array.dtype}")
        if complaints:
            raise WeightsError(f"these weights do not fit {type(self).__name__}:\n  " + "\n  ".join(complaints))
        converted = [array.astype(parameter.dtype) for _, array, parameter in pairs]
        for (_, _, parameter), array in zip(pairs, converted, strict=True):
            parameter.data = array
        return keys

    # How it looks ---------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What the module's own line says beside its name, e.g. its sizes."""
        return ""

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        own = ", ".join(filter(None, [self.extra_repr(), f"{self.parameter_count():,} parameters"]))
        parts = [f"({name}): {part!r}".replace("\n", "\n  ") for name, part in self.children()]
        return f"{type(self).__name__}({own})" + "".join(f"\n  {part}" for part in parts)


class ModuleList(Module, Sequence[M]):
    """Modules in order; their parameters are named ``0.W``, ``1.W``, ..."""

    def __init__(self, modules: Sequence[M] = ()) -> None:
        for position, module in enumerate(modules):
            if not isinstance(module, Module):
                raise DtypeError(f"part {position} is a {type(module).__name__}, not a Module")
            setattr(self, str(position), module)

    def _rename(self, name: str) -> None:
        self._name = name
        for position, part in self.children():
            part._rename(f"{name}.{position}")

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __getitem__(self, position: Any) -> Any:
        return [part for _, part in self.children()][position]


class Sequential(ModuleList[Module]):
    """Modules one after the other: each takes what the one before gives.

    >>> from tinygrad_lstm import nn
    >>> Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    Sequential(50 parameters)
      (0): Embedding(10 rows of 4, 40 parameters)
      (1): Linear(4 -> 2, 10 parameters)
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """The last module's output."""
        for module in self:
            x = module(x)
        return x
