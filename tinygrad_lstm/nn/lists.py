"""Modules in order: ModuleList and Sequential."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.errors import ArgumentError, DtypeError
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
                raise DtypeError(f"part {position} is a {type(module).__name__}, not a Module")
            setattr(self, str(position), module)

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[M]:
        return iter([part for _, part in self.children()])  # type: ignore[misc]  # what was put in is an M

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
