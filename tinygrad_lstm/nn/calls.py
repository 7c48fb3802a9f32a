"""How modules are called, for type checkers and editors: as their ``forward`` is, with its arguments and its result.

Each protocol is the type of ``self`` in a ``__call__``: what the call reads of the module, and the ``forward`` of the
class at hand. So a module of the user's own is called at the types of its own ``forward``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

import numpy as np

from tinygrad_lstm.engine.scope import scope
from tinygrad_lstm.engine.tensor import Tensor, TensorLike

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

if TYPE_CHECKING:  # Python has defaults of type variables from 3.13 on, type checkers have them now
    from typing_extensions import TypeVar as Variable

    from tinygrad_lstm.nn.packing import PackedSequence
    from tinygrad_lstm.nn.steps import Outside

    S = Variable("S", default=Any)
else:
    S = TypeVar("S")


class Called(Protocol[P, R_co]):
    """A module, as its call reads it."""

    _name: str
    _named_at_call: tuple[str, ...]

    def _name_parts(self, attributes: Iterable[str]) -> None: ...

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """What a call computes."""


class Stepped(Protocol[R_co]):
    """A cell, as its call reads it: the next state is of the type that ``forward`` gives."""

    def begin(self) -> None:
        """A new sequence begins."""

    def scope(self) -> scope:
        """The scope that a call opens."""

    def floating(self, x: TensorLike) -> Tensor:
        """x as a floating Tensor."""

    def checked_state(self, state: Any, leading: tuple[int, ...], dtype: Any) -> Any:
        """The state as Tensors, or zeros."""

    def name_states(self, state: Any) -> None:
        """The names of the states, in the graph."""

    def forward(self, x: Any, state: Any, /) -> R_co:
        """The next state."""


class OverSteps(Protocol[R_co]):
    """How a layer over time is called: a PackedSequence gives one, all else a Tensor; and the last state."""

    @overload
    def __call__(
        self, x: Tensor | np.ndarray | list[Any], state: Any = None, *, lengths: TensorLike = None,
        mask: TensorLike = None, outside: Outside = "zero",
    ) -> tuple[Tensor, R_co]: ...  # fmt: skip
    @overload
    def __call__(self, x: PackedSequence, state: Any = None) -> tuple[PackedSequence, R_co]: ...


class Continued(Protocol[R_co]):
    """How a layer is called that keeps its state: as ``OverSteps`` is, without a state."""

    @overload
    def __call__(self, x: Tensor | np.ndarray | list[Any], **options: Any) -> tuple[Tensor, R_co]: ...
    @overload
    def __call__(self, x: PackedSequence, **options: Any) -> tuple[PackedSequence, R_co]: ...
