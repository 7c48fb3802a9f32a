"""A primitive is a NumPy function with its derivatives beside it.

There are three ways to give derivatives:

* ``defvjp(a=rule, b=rule)``: one rule for each named input; nearly every op.
* ``defvjp_args(rule)``: one rule for any number of inputs, given as one sequence (concatenate, stack).
* ``defvjp_all(rule)``: one joint rule for all inputs, where their derivatives share work.

A rule *names what it needs* (``rules`` has the list), and only that is kept for backward. Rules are written in NumPy.
Broadcasting is undone by the backward loop, not by the rule. P, Q, R and every ``overload`` are for type checkers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, TypeAlias, TypeVar, overload

from tinygrad_lstm.engine.ops.rules import Rule, Spelling

if TYPE_CHECKING:  # for the types of calls only; nothing here uses them
    from tinygrad_lstm.engine.call_types import Given, Listed, One, Tensor, Three, Two
    from tinygrad_lstm.engine.ops.plan import Plan

Array: TypeAlias = Any  # an ndarray; a Tensor where a rule is itself to be recorded, so that it has derivatives too
CheckedRule: TypeAlias = tuple[Rule, tuple[str, ...]]  # a rule, and the names it asks for after g
P = ParamSpec("P")  # the parameters of the forward
Q = ParamSpec("Q")  # those after the arrays
R = TypeVar("R")  # what a call returns: a Tensor, or a tuple of Tensors


class Primitive(Generic[P, R]):
    """A differentiable function of arrays: ``forward`` and its rules. Its options are explained at ``primitive``."""

    by_name: ClassVar[dict[str, Primitive[Any, Any]]] = {}
    by_numpy: ClassVar[dict[Any, Callable[..., Any]]] = {}  # for a NumPy function: an op, or a function made of ops

    def __init__(
        self, forward: Callable[P, Any], *, multi_output: bool = False, numpy: Any = None, saves: bool = False,
        view: bool = False, wide: bool = False, hides_steps: bool = False,
    ) -> None:  # fmt: skip
        self.forward: Callable[..., Any] = Primitive.in_float32(forward) if wide else forward  # in_float32: see below
        self.name = self.__name__ = forward.__name__
        self.__doc__, self.__module__, self.__qualname__ = forward.__doc__, forward.__module__, forward.__qualname__
        self.signature = self.__signature__ = inspect.signature(forward)
        self.multi_output, self.saves, self.view, self.wide = multi_output, saves, view, wide
        self.hides_steps = hides_steps
        self.built_in = (self.__module__ or "").startswith(__package__)  # no op of a user
        parameters = self.signature.parameters
        self.names = tuple(parameters)
        self.defaults = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
        self.options = self.defaults  # the parameters that are no inputs, with their defaults
        self.spelling = Spelling(self.names)
        self.inputs: tuple[str, ...] = ()  # the differentiable parameters; there are none before a defvjp
        self.sequence = False  # the first parameter is a sequence of inputs
        self.fast_args = 0  # 1 or 2: a call with just so many arguments, all of them inputs, takes a fast path
        self.unary = False  # one input, which comes first: then a call with options takes a fast path as well
        self.forms: dict[tuple[Any, ...], Any] = {}  # a cache of ``binding``, chapter 5: for any other call
        self.rules: dict[str, CheckedRule] = {}
        self.joint: CheckedRule | None = None
        self.slopes: dict[str, str] = {}  # ∂y/∂(input) as text, for pictures: see ``defslope``
        self.plans: dict[tuple[bool, ...], Plan] = {}  # by which inputs need a gradient
        functions = numpy if isinstance(numpy, tuple) else (numpy,) if numpy is not None else ()
        Primitive.by_numpy.update(dict.fromkeys(functions, self))
        Primitive.by_name.setdefault(self.name, self)

    def defvjp(self, /, **rules: Rule) -> None:
        """One rule per named input: ``multiply.defvjp(a=lambda g, b: g * b, b=lambda g, a: g * a)``."""
        if unknown := ", ".join(sorted(set(rules) - set(self.names))):
            raise TypeError(f"{self.name} has no input called {unknown}; it has {', '.join(self.names)}")
        self.rules = self._declare(tuple(name for name in self.names if name in rules), rules)

    def defvjp_args(self, rule: Rule) -> None:
        """One rule for every element k of the first parameter, a sequence: ``lambda k, g, ...: dL/d(element k)``."""
        self.rules = self._declare(self.names[:1], {self.names[0]: rule}, "k", sequence=True)

    def defvjp_all(self, rule: Rule, inputs: Sequence[str] | None = None, *, sequence: bool = False) -> None:
        """One joint rule that returns a cotangent for each input, in their order, or None for an input that needs none.

        ``inputs`` are their names, by default all without a default value; ``sequence``: the elements of the first.
        """
        required = tuple(name for name in self.names if name not in self.defaults)
        inputs = self.names[:1] if sequence else required if inputs is None else tuple(inputs)
        self.joint = self._declare(inputs, {"all": rule}, sequence=sequence)["all"]

    def rule_for(self, position: int) -> CheckedRule:
        """The rule that serves an input, and the names it asks for."""
        return self.joint or self.rules[self.inputs[0 if self.sequence else position]]

    def defslope(self, **slopes: str) -> None:
        """What pictures show for ∂y/∂(input) instead of the rule's source: ``sigmoid.defslope(x="y (1 - y)")``."""
        if unknown := ", ".join(sorted(set(slopes) - set(self.inputs))):
            raise TypeError(f"{self.name} has no derivative by {unknown}; it has one by {', '.join(self.inputs)}")
        self.slopes |= slopes

    def _declare(
        self, inputs: tuple[str, ...], rules: dict[str, Rule], *first: str, sequence: bool = False
    ) -> dict[str, CheckedRule]:
        """Set inputs and options; the rules, checked. TypeError, before that, for one that asks for an unknown name."""
        if self.inputs:
            raise TypeError(f"{self.name} has its derivatives already")
        first = (*first, "gs" if self.multi_output else "g")
        try:
            needs = {name: self.spelling.needs_of(rule, first, inputs, self.saves) for name, rule in rules.items()}
        except TypeError as error:
            raise TypeError(f"a rule of {self.name} {error}") from None
        self.inputs, self.sequence, self.forms = inputs, sequence, {}
        self.options = {name: value for name, value in self.defaults.items() if name not in inputs}
        fast = self.built_in and not (sequence or self.saves)  # ``calls`` checks what a user's forward gives
        self.unary = fast and inputs == self.names[:1]
        inputs_first = len(inputs) < 3 and (*inputs, *self.options) == self.names
        self.fast_args = len(inputs) if fast and inputs_first and not self.multi_output else 0
        return {name: (rule, needs[name]) for name, rule in rules.items()}

    # What runs a call knows Tensors and graphs: it comes in later chapters, which put it in here
    interpreter: ClassVar[Callable[[Primitive[Any, Any], tuple[Any, ...], dict[str, Any]], Any]]  # any call
    of_one: ClassVar[Callable[[Primitive[Any, Any], Any], Tensor]]  # the fast paths of ``fast_args``
    of_two: ClassVar[Callable[[Primitive[Any, Any], Any, Any], Tensor]]
    beside_literal: ClassVar[Callable[[Primitive[Any, Any], Any, Any], Tensor]]  # of_two where one is no Tensor
    in_float32: ClassVar[Callable[[Callable[..., Any]], Callable[..., Any]]]  # wraps the forward, if ``wide``
    rule_in_float32: ClassVar[Callable[[Rule], Rule]]  # and the rules

    def __repr__(self) -> str:
        return f"<primitive {self.name}{self.signature}>"

    def __reduce__(self) -> str:
        """Copied and pickled by reference, as functions are: by the name under which its module has it."""
        return self.__qualname__

    @overload  # for type checkers only: where the forward takes arrays (1, 2, 3, a sequence), a call takes Tensors
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
        if kwargs or len(args) != self.fast_args or not args:
            return Primitive.interpreter(self, args, kwargs)
        return Primitive.of_one(self, args[0]) if len(args) == 1 else Primitive.of_two(self, args[0], args[1])


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
    the output may share memory with the first input, so that a change of the input changes the output too. ``wide``:
    the op adds up many numbers of one array, so float16 is computed in float32, in forward and rules, and rounded once.
    ``hides_steps``: the op runs a whole loop over time inside, so the graph cannot show how a gradient went through it.

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
    return Primitive(forward, **options) if forward is not None else partial(Primitive, **options)


@overload
def primitive_multi(forward: Callable[P, Any], /) -> Primitive[P, tuple[Tensor, ...]]: ...
@overload
def primitive_multi(
    *, numpy: Any = None, saves: bool = False, view: bool = False, hides_steps: bool = False
) -> Callable[[Callable[P, Any]], Primitive[P, tuple[Tensor, ...]]]: ...
def primitive_multi(forward: Any = None, /, **options: Any) -> Any:
    """Make a differentiable op of a NumPy function that returns several outputs; its rules get the list ``gs``."""
    options["multi_output"] = True
    return Primitive(forward, **options) if forward is not None else partial(Primitive, **options)
