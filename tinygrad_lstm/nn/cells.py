"""Recurrent cells: one time step each, written as their equations.

    x (B, D)   the input at this step          h, c (B, H)   hidden state and cell state
    W (nH, D)  input weights, n gates stacked  U (nH, H)     recurrent weights         b (nH,)  bias
    f  what to forget      i  what to write      o  what to show      g  the candidate, also C̃
    r  what to read of the old state     z  how much of it to keep     n  the candidate of a GRU

The edges on which a state is carried into its own next value, scaled but not transformed, have the tag "carry". The
variants (peephole, coupled, ...) are sibling classes that differ in the lines that matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.current import current_scope, grad_enabled
from tinygrad_lstm.engine.handle import from_array
from tinygrad_lstm.engine.naming import label, with_held
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import relu, sigmoid, tanh
from tinygrad_lstm.engine.ops.shapes import split
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.calls import R, Stepped
from tinygrad_lstm.nn.context import PerContext
from tinygrad_lstm.nn.init import Init, scheme
from tinygrad_lstm.nn.module import Module, Parameter
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.tags import tag

State: TypeAlias = Any  # h, or (h, c): one Tensor for each name in ``Cell.states``
T = TypeVar("T")
drawn = PerContext[tuple[object, Any]]("drawn")  # the random draws of each cell for its present sequence: see ``once``


class Cell(Module):
    """What a layer needs to know of a cell: its sizes, and the names of its states, the output first.

    A cell of your own is a subclass with a ``forward(x, state) -> state``.

    >>> class Sum(Cell):
    ...     def forward(self, x, h):
    ...         return h + x
    >>> Sum(2, 2)([[1.0, 2.0]], [[10.0, 20.0]])
    tensor([[11., 22.]])
    """

    states: ClassVar[tuple[str, ...]] = ("h",)
    carried: ClassVar[tuple[str, ...]] = ()  # those that go on into their own next value, scaled only
    memory: ClassVar[tuple[int, ...]] = ()  # by gate, for biases by ``init``: 1 keeps the old state, -1 writes, else 0

    @check_arguments
    def __init__(self, input_size: int, hidden_size: int) -> None:
        self.input_size, self.hidden_size = input_size, hidden_size

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The width of each state: H, unless a cell says otherwise."""
        return (self.hidden_size,) * len(self.states)

    def __call__(self: Stepped[R], x: TensorLike, state: State | None = None) -> R:
        """The next state: x (B, D) or (D,), each part of the state (B, H) or (H,).

        Without a state it starts at zero, and a new sequence begins.
        """
        if state is None:
            self.begin()
        with self.scope():
            x = self.floating(x)
            after = with_held(self.forward)(x, self.checked_state(state, x.shape[:-1], x.dtype))
        self.name_states(after)
        return after

    def name_states(self, state: State) -> None:
        """Label the parts of a state by ``states``, a part with two names by the first; a parameter keeps its label."""
        parts = state if type(state) is tuple else (state,)
        for name, part in zip(reversed(self.states), reversed(parts), strict=False):
            source = getattr(part, "_source", None)
            if source and (labels := source.node.labels) and labels.get(source.index) == name:
                continue  # most cells label their states themselves
            if isinstance(part, Tensor) and not isinstance(part, Parameter) and (source or grad_enabled.get()):
                node = part.source.node
                node.labels = {**(node.labels or {}), part.source.index: name}

    def begin(self) -> None:
        """A new sequence begins: forget the random draws for the last one, of this cell and of the cells inside it.

        ``unroll`` calls this before and after a run, and so does a call without a state. A cell of your own draws with
        ``once`` what must last for a sequence, or extends this method.
        """
        modules: list[Module] = [self]  # this one and those inside it
        known = {id(self)}
        for module in modules:  # the list grows as we go
            if module is not self and isinstance(module, Cell) and type(module).begin is not Cell.begin:
                module.begin()  # which begins the cells inside it too
                continue
            if module._named_at_call:
                module._name_parts(module._named_at_call)
            modules += [part for _, part in module.children() if id(part) not in known]
            known.update(map(id, modules))
        drawn.forget(modules)

    def once(self, key: object, draw: Callable[[], T]) -> T:
        """What ``draw()`` gives at the first step of a sequence, and the same at its other steps, for the same key.

        Each thread has its own, so that several may run the same cell at once.
        """
        known = drawn.get(self)
        if known is None or known[0] != key:
            drawn[self] = known = key, draw()
        drawn_before: T = known[1]
        return drawn_before

    def checked_state(self, state: State | None, leading: tuple[int, ...], dtype: Any) -> State:
        """The state as h, or the tuple (h, c), of Tensors (*leading, H); zeros for None.

        Raises ShapeError for another number of parts or another shape.
        """
        shapes, names = [(*leading, size) for size in self.state_sizes], self.states
        if state is None:
            parts = tuple([from_array(np.zeros(shape, dtype), None) for shape in shapes])
        elif isinstance(state, tuple) or (isinstance(state, list) and len(names) > 1):
            parts = tuple([self.floating(part) for part in state])
        else:
            parts = (self.floating(state),)
        if [part.shape for part in parts] != shapes:
            expected = f"the tuple ({', '.join(names)})" if len(names) > 1 else names[0]
            wanted = ", ".join(map(str, shapes)) if len(set(shapes)) > 1 else f"{shapes[0]}"
            expected += ", each" if len(names) > len(set(shapes)) else ","
            got = ", ".join(str(part.shape) for part in parts) or "an empty tuple"
            got = f"just one tensor of shape {got}" if len(parts) == 1 < len(names) else got
            scope = current_scope.get()
            raise ShapeError(
                f"the state is {expected} of shape {wanted}, not {got}" + (f", in {scope}" if scope else "")
            )
        return parts if len(parts) > 1 else parts[0]

    def set_forget_bias(self, b: Parameter | None, init: Init, forget_bias: float | None) -> None:
        """Set the biases of the forget gate, the first H of b, as ``init`` and ``forget_bias`` say.

        Raises ArgumentError for a ``forget_bias`` where there is no b, or where ``init`` draws it.
        """
        if b is not None:
            scheme(init).forget(b.data[: self.hidden_size], forget_bias)
        elif forget_bias is not None:
            raise ArgumentError(f"forget_bias={forget_bias} is of a bias, and bias=False leaves none")

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size} -> {self.hidden_size}"


class Gates(Cell):
    """The weights of n gates, one below the other: W (nH, D), U (nH, H), b (nH,).

    W starts Glorot-uniform and U orthogonal, gate by gate; b starts at 0. ``init`` chooses other initial values: see
    ``nn.init``. ``dtype`` is that of the weights, the default one unless given.
    """

    W: Parameter  # (nH, D)
    U: Parameter  # (nH, H)
    b: Parameter | None  # (nH,)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, gates: int, bias: bool = True, *, init: Init = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size)
        chosen, memory = scheme(init), self.memory if len(self.memory) == gates else (0,) * gates
        chosen.check(type(self).__name__, True, memory, bias)
        self.W = Parameter(chosen.inputs(gates, hidden_size, input_size, dtype))
        self.U = Parameter(chosen.recurrent(gates, hidden_size, hidden_size, dtype))
        self.b = Parameter(chosen.biases(memory, hidden_size, dtype)) if bias else None

    def preactivation(self, x: Tensor, h: Tensor) -> Tensor:
        """W x + U h + b, all gates in two products: (B, nH)."""
        z = linear(x, self.W) + linear(h, self.U)
        return z if self.b is None else z + self.b


class RNNCell(Gates):
    """h = tanh(W x + U h + b), or with relu (Elman 1990): every step passes through U and the nonlinearity.

    >>> RNNCell(3, 5)([[1.0, 2.0, 3.0]] * 2).shape
    (2, 5)
    """

    W: Parameter  # (H, D)
    U: Parameter  # (H, H)
    b: Parameter | None  # (H,)
    nonlinearity: Callable[[Tensor], Tensor]

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: Literal["tanh", "relu"] = "tanh", *,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        super().__init__(input_size, hidden_size, 1, bias, init=init, dtype=dtype)
        self.nonlinearity = tanh if nonlinearity == "tanh" else relu

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        h = self.nonlinearity(self.preactivation(x, h))
        label(h=h)
        return h


class LSTMCell(Gates):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate by Gers 2000).

        f  = σ(W_f x + U_f h + b_f)         forget gate: what to keep of C
        i  = σ(W_i x + U_i h + b_i)         input gate: what to write
        C̃  = tanh(W_c x + U_c h + b_c)      candidate: what could be written
        C' = f ⊙ C + i ⊙ C̃                  the conveyor belt
        o  = σ(W_o x + U_o h + b_o)         output gate: what to show
        h' = o ⊙ tanh C'

    W, U and b have the blocks of f, i, o, g one below the other; g is the candidate C̃, c is C. The forget gate's bias
    starts at ``forget_bias``, 1 unless given or drawn by ``init``, so that f starts near 0.7 and a new cell remembers.

    >>> h, c = LSTMCell(3, 5)([[1.0, 2.0, 3.0]] * 2)
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    W: Parameter  # (4H, D)
    U: Parameter  # (4H, H)
    b: Parameter | None  # (4H,)

    states, carried = ("h", "c"), ("c",)
    memory = (1, -1, 0, 0)  # f, i, o, g

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, forget_bias: float | None = None,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, 4, bias, init=init, dtype=dtype)
        self.set_forget_bias(self.b, init, forget_bias)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, i, o, g = split(self.preactivation(x, h), 4, axis=-1)
        f = sigmoid(f)  # what to forget
        i = sigmoid(i)  # what to write
        g = tanh(g)  # what could be written
        c = f * tag(c, "carry") + i * g  # the conveyor belt
        o = sigmoid(o)  # what to show
        h = o * tanh(c)
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


class GRUCell(Gates):
    """Gated recurrent unit (Cho 2014), reset after the product as in PyTorch: h' = (1 - z) ⊙ n + z ⊙ h.

    Gate order r, z, n; ``b_n (H,)`` is the candidate's own bias on the hidden side, inside the reset.

    >>> [(name, p.shape) for name, p in GRUCell(3, 5).named_parameters()]
    [('W', (15, 3)), ('U', (15, 5)), ('b', (15,)), ('b_n', (5,))]
    """

    W: Parameter  # (3H, D)
    U: Parameter  # (3H, H)
    b: Parameter | None  # (3H,)
    b_n: Parameter | None  # (H,)

    carried = ("h",)
    memory = (0, 1, 0)  # r, z, n

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, init: Init = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, 3, bias, init=init, dtype=dtype)
        self.b_n = Parameter(scheme(init).biases((0,), hidden_size, dtype)) if bias else None

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        Wx = linear(x, self.W) if self.b is None else linear(x, self.W) + self.b
        x_r, x_z, x_n = split(Wx, 3, axis=-1)
        h_r, h_z, h_n = split(linear(h, self.U), 3, axis=-1)
        r = sigmoid(x_r + h_r)  # what to read of the old state
        z = sigmoid(x_z + h_z)  # how much of it to keep
        n = tanh(x_n + r * (h_n if self.b_n is None else h_n + self.b_n))
        h = (1 - z) * n + z * tag(h, "carry")
        label(r=r, z=z, n=n, h=h)
        return h
