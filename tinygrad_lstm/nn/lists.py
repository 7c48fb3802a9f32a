"""Modules in order: ModuleList and Sequential."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from tinygrad_lstm.arguments import came
from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.errors import ArgumentError, DtypeError, PositionError
from tinygrad_lstm.nn.activations import Apply
from tinygrad_lstm.nn.calls import S
from tinygrad_lstm.nn.module import Module

M = TypeVar("M", bound=Module)


class ModuleList(Module, Sequence[M]):
    """Modules in order; their parameters are named ``0.W``, ``1.W``, ... A plain list in an attribute does the same."""

    _named_within = True

    def __init__(self, modules: Iterable[M] = ()) -> None:
        if not has_members(modules) or isinstance(modules, set | frozenset):
            raise ArgumentError(
                f"modules come in order, in a list or another iterable, not in a {type(modules).__name__}"
            )
        for position, module in enumerate(modules):
            if not isinstance(module, Module):
                raise DtypeError(f"part {position} is {came(module)}, not a Module")
            setattr(self, str(position), module)
        if isinstance(modules, Iterator) and not len(self):
            raise ArgumentError(
                "there is no module in this iterator (it gives its modules only once: to use them twice, make a list)"
            )

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[M]:
        return iter([part for _, part in self.children()])  # type: ignore[misc]  # what was put in is an M

    @overload
    def __getitem__(self, position: int) -> M: ...
    @overload
    def __getitem__(self, position: slice) -> list[M]: ...
    def __getitem__(self, position: Any) -> Any:
        parts = [part for _, part in self.children()]
        try:
            return parts[position]
        except IndexError:
            raise PositionError(f"no part [{position}] in a {type(self).__name__} of {len(parts)}") from None
        except TypeError:
            raise DtypeError(f"parts are counted from 0, so there is no [{position!r}]") from None


class Sequential(ModuleList[Any], Generic[S]):
    """Modules and functions one after the other: each takes what the one before gives.

    A function becomes an ``Apply`` in its place, so that the names of the weights count it too.

    >>> import tinygrad_lstm as tg
    >>> from tinygrad_lstm import nn
    >>> net = Sequential(nn.Embedding(10, 4), nn.Linear(4, 3), tg.tanh, nn.Linear(3, 2), nn.LogSoftmax())
    >>> net
    Sequential(63 parameters)
      (0): Embedding(10 rows of 4, 40 parameters)
      (1): Linear(4 -> 3, 15 parameters)
      (2): Apply(tanh)
      (3): Linear(3 -> 2, 8 parameters)
      (4): LogSoftmax(axis=-1)
    >>> [*net.state_dict()]
    ['0.weight', '1.W', '1.b', '3.W', '3.b']
    """

    @overload  # the last one's results are those of the whole
    def __init__(self, *modules: *tuple[*tuple[Module | Callable[..., Any], ...], Callable[..., S]]) -> None: ...
    @overload
    def __init__(self, *modules: Module | Callable[..., Any]) -> None: ...
    def __init__(self, *modules: Any) -> None:  # type: ignore[misc]  # mypy asks whether *modules may be one or more
        is_plain = [callable(part) and not isinstance(part, Module | type) for part in modules]
        super().__init__([Apply(part) if plain else part for part, plain in zip(modules, is_plain, strict=True)])

    def forward(self, x: Any) -> S:
        """The last one's output."""
        for module in self:
            x = module(x)
        y: S = x
        return y
