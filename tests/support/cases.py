"""The samples of the registry as parametrised tests, and how to differentiate one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.registry import RECORDS, Call, Record
from tinygrad_lstm import Tensor

Array: TypeAlias = Any
Slot: TypeAlias = int | str | tuple[int, int]  # a position, a keyword, or an element of the first argument


class Case(NamedTuple):
    """One sample of one record, with its float arrays taken out, so that they can be replaced."""

    record: Record
    call: Call
    slots: tuple[Slot, ...]
    arrays: tuple[Array, ...]

    def run(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """The outputs of a function called with these values in the slots."""
        args, kwargs = list(self.call.args), dict(self.call.kwargs)
        if self.record.op.sequence:
            args[0] = list(args[0])
        for slot, value in zip(self.slots, values, strict=True):
            if isinstance(slot, tuple):
                args[slot[0]][slot[1]] = value
            elif isinstance(slot, int):
                args[slot] = value
            else:
                kwargs[slot] = value
        y = function(*args, **kwargs)
        return list(y) if isinstance(y, list | tuple) else [y]

    def forward(self, values: Sequence[Any]) -> list[Any]:
        """The op's own forward, without what it saves for backward."""
        op = self.record.op
        return self.run((lambda *args, **kwargs: op.forward(*args, **kwargs)[0]) if op.saves else op.forward, values)

    def op(self, *tensors: Any) -> list[Tensor]:
        return self.run(self.record.op, tensors)

    def leaves(self, dtype: Any = np.float64) -> list[Tensor]:
        return [tg.tensor(array.astype(dtype), requires_grad=True) for array in self.arrays]


def case_of(record: Record, call: Call) -> Case:
    op = record.op
    slots: list[Slot] = []
    arrays: list[Array] = []

    def look(slot: Slot, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            slots.append(slot)
            arrays.append(value)

    if op.sequence:
        for k, value in enumerate(call.args[0]):
            look((0, k), value)
    else:
        for name in op.inputs:
            position = op.names.index(name)
            if position < len(call.args):
                look(position, call.args[position])
            elif name in call.kwargs:
                look(name, call.kwargs[name])
    return Case(record, call, tuple(slots), tuple(arrays))


def cases(
    *, wanted: Callable[[Record], bool] = lambda record: True, suits: Callable[[Case], bool] = lambda case: True
) -> pytest.MarkDecorator:
    """A parametrisation over the samples that suit, of the records wanted."""
    found = [
        pytest.param(case, id=f"{record.op.name}-{k}")
        for record in RECORDS
        if wanted(record)
        for k, call in enumerate(record.samples(np.random.default_rng(0)))
        if suits(case := case_of(record, call))
    ]
    return pytest.mark.parametrize("case", found)


def records(*, wanted: Callable[[Record], bool] = lambda record: True) -> pytest.MarkDecorator:
    found = [pytest.param(record, id=record.op.name) for record in RECORDS if wanted(record)]
    return pytest.mark.parametrize("record", found)


def cotangents_of(outputs: Sequence[Tensor], seed: int = 1) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(y.shape).astype(y.dtype) for y in outputs]


def pull_back(case: Case, tensors: Sequence[Tensor], vs: Sequence[Array] | None = None) -> list[Array]:
    """v·J, for the cotangents of seed 1 if none are given."""
    outputs = case.op(*tensors)
    gradients = tg.grad(outputs, tensors, cotangents_of(outputs) if vs is None else vs)
    return [g.data for g in gradients if g is not None]
