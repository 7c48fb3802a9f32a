"""The options of an optimiser are the fields of its class: each is said once, with its type and its default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Generic, TypeVar, dataclass_transform, overload

from tinygrad_lstm.errors import check_call

if TYPE_CHECKING:
    from tinygrad_lstm.optim.optimizer import Optimizer

T = TypeVar("T")
C = TypeVar("C", bound="Optimizer")


class Option(Generic[T]):
    """A field that is an option: ``momentum: Option[float] = Option(0.0)``; ``domains`` says which values it may have.

    In ``update``, ``self.momentum`` is that of the group whose parameter is updated. Elsewhere it is the value that all
    groups share. To set it is to set it in every group.
    """

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, optimizer: None, owner: type) -> T: ...
    @overload
    def __get__(self, optimizer: Optimizer, owner: type) -> T: ...
    def __get__(self, optimizer: Optimizer | None, owner: type) -> Any:
        if optimizer is None:
            return self.default
        group = optimizer._group
        return group[self.name] if group is not None else optimizer.option(self.name)

    def __set__(self, optimizer: Optimizer, value: T) -> None:
        optimizer.set_option(self.name, value)


@dataclass_transform()
def takes_options(cls: type[C]) -> type[C]:
    """Decorate a subclass of ``Optimizer``: its constructor takes its options, as that of a dataclass takes its fields.

    >>> import numpy as np
    >>> from tinygrad_lstm import Tensor
    >>> from tinygrad_lstm.optim.optimizer import Optimizer
    >>> @takes_options
    ... class SignSGD(Optimizer):
    ...     lr: Option[float] = Option(0.25)
    ...     def update(self, p, g, state):
    ...         return p - self.lr * np.sign(g)
    >>> SignSGD(Tensor(1.0, requires_grad=True), 0.5)
    SignSGD(1 parameters, lr=0.5, maximize=False)
    """
    cls = dataclass(eq=False, repr=False)(cls)
    cls.__init__ = check_call(cls.__init__)  # type: ignore[method-assign]
    return cls


@cache
def named_options(function: Callable[..., Any], options: tuple[str, ...]) -> tuple[str, ...]:
    """Those options that a function names among its parameters; all of them, if it takes ``**``."""
    parameters = signature(function).parameters
    takes_all = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    return tuple(name for name in options if takes_all or name in parameters)
