"""The samples of the registry as tests, one for each record, and how to differentiate one."""

from __future__ import annotations

import functools
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


SAMPLES = {
    record.op.name: [case_of(record, call) for call in record.samples(np.random.default_rng(0))] for record in RECORDS
}


def cases(
    *, wanted: Callable[[Record], bool] = lambda record: True, suits: Callable[[Case], bool] = lambda case: True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """One test for each record wanted, which takes the samples that suit in turn; a failure names its sample."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def with_each_sample(*, case: dict[int, Case], **others: Any) -> None:
            for k, sample in case.items():
                try:
                    test(case=sample, **others)
                except Exception as error:
                    error.add_note(f"sample {k} of {sample.record.op.name}: {sample.call.args}, {sample.call.kwargs}")
                    raise

        names = [record.op.name for record in RECORDS if wanted(record)]
        suiting = {name: {k: case for k, case in enumerate(SAMPLES[name]) if suits(case)} for name in names}
        found = [pytest.param(samples, id=name) for name, samples in suiting.items() if samples]
        for_each_record: Callable[..., None] = pytest.mark.parametrize("case", found)(with_each_sample)
        return for_each_record

    return decorate


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
