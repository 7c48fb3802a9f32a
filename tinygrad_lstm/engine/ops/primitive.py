"""A primitive is a NumPy function with its derivatives beside it.

Three doors for the derivatives, one for each real need:

* ``defvjp(a=rule, b=rule)``: one rule per named input; nearly every op.
* ``defvjp_args(rule)``: any number of inputs, given as one sequence (concatenate, stack).
* ``defvjp_all(rule)``: one joint rule for all inputs, for kernels that share work.

A rule is the vector-Jacobian product (vjp): from ``g``, the cotangent dL/dy, to dL/d(input). It *names what it needs*
and only that is kept for backward: ``g``, the output ``y``, inputs and parameters by their names; the whole list is in
``words``. Rules are written in NumPy. Broadcasting is undone by the backward loop, not by the rule.

This floor knows no Tensor and no graph. Who runs a primitive when it is called is decided above: the engine puts its
own interpreter into ``Primitive.interpreter``, as a tracing system binds its primitives.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, ParamSpec, TypeAlias, TypeVar, overload

import numpy as np

from tinygrad_lstm.engine.ops.plan import Call, Plan, Rule, picker
from tinygrad_lstm.engine.ops.wide import in_float32, rule_in_float32
from tinygrad_lstm.engine.ops.words import Words
from tinygrad_lstm.errors import DtypeError, GradError, wrong_call

if TYPE_CHECKING:  # for the type of a call only; nothing here uses it
    from tinygrad_lstm.engine.calls import Given, Listed, One, Three, Two
    from tinygrad_lstm.engine.tensor import Tensor

Array: TypeAlias = Any  # an ndarray in the forward; in a rule also a Tensor (create_graph=True)
P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")

_inside_the_engine = True  # a mark for scope.place(), which looks for the first frame outside the engine


class IndexedCotangent(NamedTuple):
    """A cotangent that is zero outside ``where``; the loop adds ``values`` there in place.

    Repeated indices add up. A rule may return it instead of a dense array, so that reading one row at each of T steps
    costs O(T), not O(T²).
    """

    where: Any
    values: Array


class Primitive(Generic[P, R]):
    """A differentiable function of arrays: ``forward`` and its rules. Calling it runs it in the engine."""

    interpreter: ClassVar[Callable[[Primitive[Any, Any], tuple[Any, ...], dict[str, Any]], Any]]
    of_one: ClassVar[Callable[[Primitive[Any, Any], Any], Tensor]]  # the short ways, see ``short``
    of_two: ClassVar[Callable[[Primitive[Any, Any], Any, Any], Tensor]]
    by_name: ClassVar[dict[str, Primitive[Any, Any]]] = {}
    by_numpy: ClassVar[dict[Any, Callable[..., Any]]] = {}  # also composites

    def __init__(
        self, forward: Callable[P, Any], *, several: bool, numpy: Any = None, saves: bool = False, view: bool = False,
        wide: bool = False, hides_steps: bool = False,
    ) -> None:  # fmt: skip
        self.forward: Callable[..., Any] = in_float32(forward) if wide else forward
        self.name = self.__name__ = forward.__name__
        self.__doc__, self.__module__ = forward.__doc__, forward.__module__
        self.__qualname__ = forward.__qualname__
        self.signature = self.__signature__ = inspect.signature(forward)
        self.several, self.saves, self.view, self.wide, self.hides_steps = several, saves, view, wide, hides_steps
        self.real = (self.__module__ or "").startswith(__package__)  # others may give complex numbers
        self.names = tuple(self.signature.parameters)
        self.defaults = {
            p.name: p.default for p in self.signature.parameters.values() if p.default is not inspect.Parameter.empty
        }
        self.words = Words(self.names)
        self._close()
        self._rules: dict[str, tuple[Rule, tuple[str, ...]]] = {}  # with the names each asks for, less g, gs and k
        self._joint: tuple[Rule, tuple[str, ...]] | None = None
        self.slopes: dict[str, str] = {}
        self.plans: dict[tuple[bool, ...], Plan] = {}
        functions = numpy if isinstance(numpy, tuple) else (numpy,) if numpy is not None else ()
        Primitive.by_numpy.update(dict.fromkeys(functions, self))
        Primitive.by_name.setdefault(self.name, self)

    @overload  # an input annotated as an array may be a Tensor: the first one, two, three, or those in a sequence
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self: One[Q, R], a: Given, /, *args: Q.args, **kwargs: Q.kwargs) -> R: ...
    @overload
    def __call__(self: Two[R], a: Given, b: Given, /, **options: Any) -> R: ...
    @overload
    def __call__(self: Three[R], a: Given, b: Given, c: Given, /, **options: Any) -> R: ...
    @overload
    def __call__(self: Listed[Q, R], several: Sequence[Given], /, *args: Q.args, **kwargs: Q.kwargs) -> R: ...
    def __call__(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run it in the engine: Tensors in, Tensors out."""
        if kwargs or len(args) != self.short or not args:
            return Primitive.interpreter(self, args, kwargs)
        if len(args) == 1:
            return Primitive.of_one(self, args[0])
        return Primitive.of_two(self, args[0], args[1])

    def __repr__(self) -> str:
        return f"<primitive {self.name}{self.signature}>"

    def __reduce__(self) -> str:
        """Copied and pickled by reference, as functions are: by the name under which its module has it."""
        return self.__qualname__

    # The doors ---------------------------------------------------------------------------------------------------

    def defvjp(self, /, **rules: Rule) -> None:
        """One rule per named input: ``multiply.defvjp(a=lambda g, b: g * b, b=lambda g, a: g * a)``."""
        if unknown := ", ".join(sorted(set(rules) - set(self.names))):
            raise TypeError(f"{self.name} has no input called {unknown}; it has {', '.join(self.names)}")
        self._open(tuple(name for name in self.names if name in rules))
        self._rules = {name: self._checked(rule, "gs" if self.several else "g") for name, rule in rules.items()}

    def defvjp_args(self, rule: Rule) -> None:
        """One rule for every element k of the first parameter, a sequence: ``lambda k, g, ...: dL/d(element k)``."""
        self._open(self.names[:1])
        self.sequence, self.plain, self.short = True, 0, 0
        self._rules = {self.names[0]: self._checked(rule, "k", "gs" if self.several else "g")}

    def defvjp_all(self, rule: Rule, inputs: Sequence[str] | None = None, *, sequence: bool = False) -> None:
        """One joint rule that returns a cotangent for each input (None where not wanted).

        ``inputs`` names the differentiable parameters; without it they are those that have no default. With
        ``sequence=True`` the inputs are the elements of the first parameter.
        """
        required = tuple(name for name in self.names if name not in self.defaults)
        self._open(self.names[:1] if sequence else required if inputs is None else tuple(inputs))
        if sequence:
            self.sequence, self.plain, self.short = True, 0, 0
        self._joint = self._checked(rule, "gs" if self.several else "g")

    def defslope(self, **slopes: str) -> None:
        """How ∂y/∂(input) reads where the text of the rule does not show it: ``sigmoid.defslope(x="y (1 - y)")``."""
        if unknown := ", ".join(sorted(set(slopes) - set(self.inputs))):
            raise TypeError(f"{self.name} has no derivative by {unknown}; it has one by {', '.join(self.inputs)}")
        self.slopes |= slopes

    def _close(self) -> None:
        self.inputs: tuple[str, ...] = ()  # the differentiable parameters; a door sets them
        self.options = self.defaults  # the other parameters that need not be given
        self.sequence = False  # the first parameter is a sequence of inputs
        self.leading = 0  # how many inputs there are, if they are the first parameters
        self.plain = 0  # called with just this many positional arguments, nothing needs binding
        self.short = 0  # the same number, if it is 1 or 2 and the op has one output: most calls go a shorter way
        self._others = frozenset(self.names)  # the names of all but the leading inputs

    def _open(self, inputs: tuple[str, ...]) -> None:
        if self.inputs:
            raise TypeError(f"{self.name} has its derivatives already")
        self.inputs = inputs
        self.options = {name: value for name, value in self.defaults.items() if name not in inputs}
        if self.names[: len(inputs)] == inputs:
            self.leading = len(inputs)
            self._others = frozenset(self.names[len(inputs) :])
        if self.leading and self._others == self.options.keys():
            self.plain = len(inputs)
            self.short = self.plain if self.plain < 3 and self.real and not self.several and not self.saves else 0

    def _checked(self, rule: Rule, *first: str) -> tuple[Rule, tuple[str, ...]]:
        """Refuse, where it is written, a rule that asks for what will not be there."""
        try:
            asked = self.words.asked(rule, first, self.inputs, self.saves)
        except TypeError as error:
            self._close()  # nothing half done: the rule can be written again
            raise TypeError(f"a rule of {self.name} {error}") from None
        return rule_in_float32(rule) if self.wide else rule, asked

    # What the engine reads -----------------------------------------------------------------------------------------

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The inputs and the other parameters of a call; a wrong call is Python's own TypeError."""
        names = self.names
        first = self.leading if len(args) >= self.leading else 0  # so many inputs need no name
        given = dict(zip(names[first:], args[first:], strict=False)) | kwargs
        values = (self.options if first else self.defaults) | given
        expected = self._others if first else self.signature.parameters.keys()
        if len(given) != len(args) - first + len(kwargs) or values.keys() != expected:
            try:
                self.signature.bind(*args, **kwargs)
            except TypeError as error:
                takes = ", ".join(f"{x}={self.defaults[x]!r}" if x in self.defaults else x for x in names)
                raise wrong_call(TypeError(f"{self.name}({takes}) {error}"), kwargs, self) from None
        if self.sequence:
            inputs = args[0] if first else values.pop(names[0])
            if not hasattr(inputs, "__iter__") or getattr(inputs, "shape", None) == ():
                came = type(inputs).__name__ + " of no axes" * hasattr(inputs, "shape")
                raise DtypeError(f"{self.name} takes a sequence as {names[0]}, not a {came}")
            return tuple(inputs), values
        return args[:first] if first else [values.pop(name) for name in self.inputs], values

    def run(self, arrays: Sequence[Array], params: Mapping[str, Any]) -> Any:
        """The forward on plain arrays."""
        if self.sequence:
            return self.forward(arrays, **params)
        if self.leading:
            return self.forward(*arrays, **params)
        return self.forward(**dict(zip(self.inputs, arrays, strict=True)), **params)

    def plan(self, wanted: tuple[bool, ...]) -> Plan:
        """Which values to keep, and which rules to call, when these inputs want a gradient."""
        plan = self._make_plan(wanted)
        if not self.sequence:  # any number of inputs: a cache would grow without bound
            self.plans[wanted] = plan
        return plan

    def _make_plan(self, wanted: tuple[bool, ...]) -> Plan:
        if not self.inputs:
            raise GradError(f"{self.name} has no derivative; give it one with {self.name}.defvjp(...)")
        keep: dict[str, int] = {}  # each name with its place among the kept
        calls: list[Call] = []
        joint, names = self._joint if self._joint is not None else (None, ())
        keep.update(zip(names, range(len(names)), strict=True))
        for k in [k for k, wants in enumerate(wanted) if wants]:
            if joint is not None:
                calls.append((k, itemgetter(k), ()))
                continue
            rule, names = self._rules[self.inputs[0 if self.sequence else k]]
            needs = tuple([keep.setdefault(name, len(keep)) for name in names])
            calls.append((k, partial(rule, k) if self.sequence else rule, needs))
        places = {name: k for k, name in enumerate(self.inputs)} | {self.words.y: len(self.inputs)}
        at_hand = not self.sequence and keep.keys() <= places.keys()
        pick = picker([places[name] for name in keep]) if at_hand else None
        return Plan(tuple(keep), pick, tuple(calls), joint, self.several)

    def meaning(
        self, name: str, arrays: Sequence[Array], y: Any, params: Mapping[str, Any], saved: Any,
        wanted: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        """The value that a rule means by this name."""
        words = self.words
        if name == words.wanted:
            return wanted
        if name == words.y:
            return y
        if name == words.saved:
            return saved
        shape = name in words.input_of
        k = self.inputs.index(words.input_of.get(name, name))
        values = tuple(arrays) if self.sequence else arrays[k]
        if not shape:
            return values
        return tuple(map(np.shape, values)) if self.sequence else np.shape(values)


@overload
def primitive(forward: Callable[P, Any], /) -> Primitive[P, Tensor]: ...
@overload
def primitive(
    *, numpy: Any = None, saves: bool = False, view: bool = False, wide: bool = False, hides_steps: bool = False
) -> Callable[[Callable[P, Any]], Primitive[P, Tensor]]: ...
def primitive(forward: Any = None, /, **options: Any) -> Any:
    """Make a differentiable op of a NumPy function with one output.

    ``numpy`` names the NumPy function(s) it stands for, so that ``np.tanh(tensor)`` finds it. With ``saves=True`` the
    forward returns ``(output, saved)`` and a rule may ask for ``saved``; such an op has no second derivative. ``view``:
    the output may look into the array of the first input, so that who changes that changes the output too. ``wide``:
    the op adds up many numbers of one array, so float16 is computed in float32, in forward and rules, and rounded once.
    ``hides_steps``: the op runs a whole loop over time inside, so the routes through its steps are not in the graph.

    >>> import numpy as np, tinygrad_lstm as tg
    >>> @tg.primitive
    ... def cube(x):
    ...     return x**3
    >>> cube.defvjp(x=lambda g, x: 3 * g * x**2)
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor(12.)
    """
    return _decorate(forward, several=False, **options)


@overload
def primitive_multi(forward: Callable[P, Any], /) -> Primitive[P, tuple[Tensor, ...]]: ...
@overload
def primitive_multi(
    *, numpy: Any = None, saves: bool = False, view: bool = False, hides_steps: bool = False
) -> Callable[[Callable[P, Any]], Primitive[P, tuple[Tensor, ...]]]: ...
def primitive_multi(forward: Any = None, /, **options: Any) -> Any:
    """Make a differentiable op of a NumPy function that returns several outputs; its rules get the list ``gs``."""
    return _decorate(forward, several=True, **options)


def _decorate(forward: Any, **options: Any) -> Any:
    return Primitive(forward, **options) if forward is not None else partial(Primitive, **options)
