"""``tg.compile``: a function of tensors becomes a NumPy program, made once for each set of shapes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lstm.compiling.arguments import Arguments, take_apart
from tinygrad_lstm.compiling.compiled import Compiled
from tinygrad_lstm.engine.tensor import Tensor, accumulate, from_array
from tinygrad_lstm.errors import ArgumentError, DtypeError

MOST = 16  # programs for the same shapes


class Step:
    """A compiled function: see ``compile``. ``source`` is the text of the program that ran last."""

    def __init__(self, f: Callable[..., Any]) -> None:
        if not callable(f):
            raise DtypeError(f"compile(f) takes a function that returns a loss, not a {type(f).__name__}")
        try:
            self.f, self.signature = f, inspect.signature(f)
        except (TypeError, ValueError):  # a builtin type
            raise DtypeError(f"compile(f) takes a function whose parameters are known, not {f!r}") from None
        self.programs: dict[tuple[Any, ...], list[Compiled]] = {}
        self._last: Compiled | None = None
        functools.update_wrapper(self, f)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """The loss, a tensor without history; dL/d(leaf) is added to the ``grad`` of every leaf."""
        given = take_apart(self.signature, args, kwargs)
        compiled = self._program(given)
        loss, gradients = compiled.run(given.arrays)
        for name, g in gradients:
            node = given.tensors[name].source.node if isinstance(name, str) else name._source.node
            accumulate(node, g)
        return from_array(np.array(loss), None)

    @property
    def source(self) -> str:
        """The program, which runs by itself. Raises ArgumentError before the first call, which records it."""
        if self._last is None:
            raise ArgumentError("there is no program before the first call, which records one for its shapes")
        return self._last.source

    def __repr__(self) -> str:
        count = sum(map(len, self.programs.values()))
        return f"compile({getattr(self.f, '__qualname__', self.f)}), {count} program{'s' * (count != 1)}"

    def _program(self, given: Arguments) -> Compiled:
        known = self.programs.setdefault(given.key, [])
        for compiled in known:
            if compiled.fits(given):
                self._last = compiled
                return compiled
        if len(known) >= MOST:
            raise ArgumentError(
                f"compile() has made {MOST} programs, each for other values of masks, lengths, or what the function "
                "reads from outside: where these are new at every call, call the function plainly"
            )
        self._last = Compiled(self.f, given)
        known.append(self._last)
        return self._last


def compile(f: Callable[..., Any]) -> Step:
    """``step = tg.compile(f)``: what f computes, and its gradients, as one NumPy program.

    f takes arrays or tensors and returns a loss, a Tensor of one number. ``step(*args)`` gives the same loss, as a
    tensor without history, and adds dL/d(leaf) to the ``grad`` of every leaf, as ``f(*args).backward()`` does: to the
    parameters that f reads and to arguments that require a gradient. ``print(step.source)`` is the program. It takes
    arrays and returns the loss and the gradients by name; it needs NumPy only, and it is what runs.

    The first call for a set of shapes and dtypes records f twice, the second time with other numbers, and compares.
    Parameters and arguments may have other values at each later call. Floating arguments reach f as tensors. Truth
    values (masks), and whole numbers from which f computes with NumPy (lengths), decide what is recorded: a program is
    made for each of their values. Whole numbers that f hands on to an op as they are (words, classes) are data; where
    new ones appear, f is recorded again, to see that the program is still the same. Dropout is drawn anew at each call.
    Another program is made where a number, a tensor or the parameters or the mode of a module that f knows by name are
    others than before. What it reads deeper inside of objects, such as a number in an attribute, is as it was recorded.

    Raises UnsupportedError where the values of a tensor decide what f does, for ``detach``, hooks, checkpoints,
    second derivatives, and for random numbers that cannot be drawn again; DtypeError for a result that is no Tensor.

    >>> import tinygrad_lstm as tg
    >>> W = tg.tensor([[1.0, 2.0]], requires_grad=True)
    >>> step = tg.compile(lambda x: tg.tanh(tg.linear(x, W)).sum())
    >>> step([[0.5, 0.25]])
    tensor(0.7615...)
    >>> W.grad
    tensor([[0.2099..., 0.1049...]])
    """
    return Step(f)
