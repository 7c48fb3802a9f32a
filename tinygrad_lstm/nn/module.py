"""Module: parameters and parts found by looking at the attributes, and a scope around every call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.engine.scope import Scope, called_from, scope
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnsupportedError, WeightsError, check_call
from tinygrad_lstm.nn.calls import Called, P, R
from tinygrad_lstm.nn.copying import Copied
from tinygrad_lstm.nn.missing import refuse_missing
from tinygrad_lstm.nn.options import FLAG, array_of, check, real_dtype
from tinygrad_lstm.nn.parameter_counts import parameter_counts
from tinygrad_lstm.nn.parts import HOLD_NOTHING, MAY_HOLD, can_grow, find_parts


class Parameter(Tensor):
    """A tensor that a module learns: a leaf that requires a gradient, named by the attribute it is put under.

    ``deepcopy`` and ``pickle`` take name, ``grad`` and ``requires_grad`` along, but not its hooks.
    """

    __slots__ = ()

    def __init__(self, data: TensorLike, requires_grad: bool = True, dtype: DTypeLike | None = None) -> None:
        super().__init__(data, requires_grad, dtype)

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})".replace("\n", "\n" + " " * len("Parameter("))


HOLDERS = (Copied, Tensor, *MAY_HOLD)  # values of these classes are parts of a module, or may contain parts


class IncompatibleKeys(NamedTuple):
    """The names of weights and of parameters that have no counterpart, from ``load_state_dict``."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Copied):
    """A piece of a network: subclasses put Parameters and Modules into attributes and write ``forward``.

    They are found in lists, tuples and dicts too, also when they are put there later (``parts.find_parts`` says when a
    long one is taken for data), but not inside other objects: a partial, a dataclass, an iterator.

    >>> class Square(Module):
    ...     def __init__(self):
    ...         self.w = Parameter([2.0, 3.0])
    ...     def forward(self, x):
    ...         return (self.w * x) ** 2
    >>> square = Square()
    >>> [name for name, _ in square.named_parameters()]
    ['w']
    >>> square
    Square(2 parameters)
    """

    training: bool = True
    _named_within: bool = False  # whether its name goes before its parts' names, as for a list: layers.0
    _name: str = ""
    _named_at_call: tuple[str, ...] = ()  # attributes whose parts may not have their names yet

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise UnsupportedError(f"{type(self).__name__} has no forward")

    def __call__(self: Called[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``forward`` in a scope of the module's name."""
        if self._named_at_call:
            self._name_parts(self._named_at_call)
        outer = current_scope.get()  # as ``with self.scope():``, in less time: a cell is called at every step
        try:  # before the scope is set, since Ctrl-C may come at any moment
            current_scope.set(Scope(self._name or type(self).__name__.lower(), outer, None, called_from()))
            return self.forward(*args, **kwargs)
        finally:
            current_scope.set(outer)

    def scope(self) -> scope:
        """The scope that a call of this module opens: its name, and where it was called from."""
        return scope(self._name or type(self).__name__.lower(), caller=called_from())

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, and name the parts in the value, also those in a container, after it.

        Raises ArgumentError for what looks trained and is not: a leaf that is no Parameter, a module in a set.
        """
        holds = isinstance(value, HOLDERS) and not isinstance(getattr(type(self), name, None), property)
        for dotted, part in find_parts(name, value, (Module, Tensor)) if holds else ():
            if isinstance(part, Tensor) and not isinstance(part, Parameter) and part.is_leaf and part.requires_grad:
                raise ArgumentError(
                    f"{type(self).__name__}.{dotted} is a tensor that requires a gradient but no nn.Parameter, so it "
                    "would not be trained: nn.Parameter(value) is trained, value.detach() is a constant"
                )
        replaced = isinstance(vars(self).get(name), HOLDERS)
        object.__setattr__(self, name, value)
        if holds and can_grow(value) and name not in self._named_at_call:
            vars(self)["_named_at_call"] = (*self._named_at_call, name)
        if holds or replaced:
            self._name_parts(tuple(vars(self)) if replaced else (name,))

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._name_parts(tuple(vars(self)))  # a part that another attribute holds too gets that name

    if not TYPE_CHECKING:  # a type checker shall report attributes that do not exist

        def __getattr__(self, name: str) -> Any:
            return refuse_missing(self, name)

    def _name_parts(self, attributes: Iterable[str]) -> None:
        """Name modules and parameters after the attributes that hold them."""
        for attribute in attributes:
            for name, part in find_parts(attribute, vars(self).get(attribute), PARTS):
                whole = f"{self._name}.{name}" if self._named_within and self._name else name
                if isinstance(part, Parameter):
                    part.source.node.labels = {0: whole}
                elif part._named_within and self._named_within and not self._name:  # in a list that has no name yet
                    vars(part).update(_name=whole, _named_at_call=tuple(vars(part)))
                else:
                    part._rename(whole)

    def _rename(self, name: str) -> None:
        waiting: list[tuple[Module, str]] = [(self, name)]
        renamed: set[int] = set()
        while waiting:
            module, name = waiting.pop()
            if module._name != name and id(module) not in renamed:
                renamed.add(id(module))
                vars(module)["_name"] = name
                if module._named_within:
                    waiting += [(part, f"{name}.{own}") for own, part in module.children()]

    # Parts and parameters -------------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[tuple[str, Module | Parameter]]:
        """What the attributes hold, by attribute name, in the order in which they were put in."""
        for name, value in tuple(vars(self).items()):
            if isinstance(value, PARTS):
                yield name, value
            elif type(value) not in HOLD_NOTHING and isinstance(value, MAY_HOLD):
                yield from find_parts(name, value, PARTS)

    def children(self) -> Iterator[tuple[str, Module]]:
        """The direct parts, by the names of the attributes: ``head``, or in containers ``layers.0``, ``heads.word``."""
        return ((name, part) for name, part in self._parts() if isinstance(part, Module))

    def modules(self) -> Iterator[Module]:
        """This module and every part of it, each once."""
        seen: set[int] = set()
        waiting: list[Module] = [self]
        while waiting:
            module = waiting.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                waiting += reversed([part for _, part in module.children()])

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted name; one that is shared comes once, under its first name.

        Raises ArgumentError where two have one name, as of an attribute ``a.0`` beside a list ``a``.
        """
        seen, names = {id(self)}, set[str]()
        within = [(prefix, self._parts())]  # the modules that we are in, each with what is left of its parts
        while within:
            prefix, parts = within[-1]
            name, part = next(parts, ("", None))
            if part is None:
                within.pop()
            elif id(part) not in seen:
                seen.add(id(part))
                name = prefix + name
                if isinstance(part, Module):
                    within.append((f"{name}.", part._parts()))
                elif name in names:
                    raise ArgumentError(f"two parameters of this {type(self).__name__} are called {name}")
                else:
                    names.add(name)
                    yield name, part

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def parameter_count(self) -> int:
        """How many numbers the module learns."""
        return sum(parameter.size for parameter in self.parameters())

    @check_call
    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    # Modes ----------------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Into training mode (dropout acts), with all parts; returns the module."""
        check("mode", mode, FLAG)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Into evaluation mode (dropout passes everything), with all parts; returns the module."""
        return self.train(False)

    def astype(self, dtype: DTypeLike) -> Self:
        """All parameters in another floating dtype, without their gradients; returns the module."""
        floating = real_dtype(dtype)
        for parameter in self.parameters():
            parameter._data = parameter.data.astype(floating)
            parameter._source = parameter._leaf(parameter.requires_grad)
        return self

    def floating(self, x: TensorLike) -> Tensor:
        """x as a Tensor; integers and truth values are taken in the dtype of the module's parameters.

        Raises DtypeError for complex numbers.
        """
        tensor: Tensor = x if isinstance(x, Tensor) else Tensor(x)
        if tensor.dtype.kind == "f":
            return tensor
        if tensor.dtype.kind == "c":
            raise DtypeError(f"a {type(self).__name__} takes real numbers, not {tensor.dtype}")
        return tensor.astype(next((parameter.dtype for parameter in self.parameters()), get_default_dtype()))

    # Weights as arrays ----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of every parameter's array by its dotted name."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state_dict: Mapping[str, TensorLike], strict: bool = True) -> IncompatibleKeys:
        """Set every parameter from such a dict; without ``strict``, those that are in it.

        Raises WeightsError, before anything is changed: it lists every weight that has another shape or is not of real
        numbers and, if ``strict``, every one that is missing or unexpected.
        """
        check("strict", strict, FLAG)
        if not isinstance(state_dict, Mapping):
            raise WeightsError(f"weights are a dict of arrays by name, not a {type(state_dict).__name__}")
        own = dict(self.named_parameters())
        arrays = {name: array_of(value) for name, value in state_dict.items()}
        keys = IncompatibleKeys(
            [name for name in own if name not in arrays], [name for name in arrays if name not in own]
        )
        pairs = [(name, arrays[name], parameter) for name, parameter in own.items() if name in arrays]
        complaints = [f"missing: {name} {own[name].shape}" for name in keys.missing_keys if strict]
        complaints += [f"unexpected: {name} {arrays[name].shape}" for name in keys.unexpected_keys if strict]
        for name, array, parameter in pairs:
            if array.shape != parameter.shape:
                complaints.append(f"mis-shaped: {name} is {array.shape}, should be {parameter.shape}")
            if array.dtype.kind not in "biuf":
                complaints.append(f"not real numbers: {name} is {array.dtype}")
        if complaints:
            raise WeightsError(f"these weights do not fit {type(self).__name__}:\n  " + "\n  ".join(complaints))
        converted = [array.astype(parameter.dtype) for _, array, parameter in pairs]
        for (_, _, parameter), array in zip(pairs, converted, strict=True):
            parameter.data = array
        return keys

    # How it looks ---------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What the module's own line says beside its name, e.g. its sizes."""
        return ""

    def __repr__(self) -> str:
        counts = parameter_counts(self)
        lines: list[str] = []
        within: list[int] = []  # the modules around this line; one that contains itself is shown as "..."
        waiting: list[tuple[int, str, Module]] = [(0, "", self)]
        while waiting:
            depth, name, part = waiting.pop()
            del within[depth:]
            if id(part) in within:
                text = "..."
            elif type(part).__repr__ is not Module.__repr__ and part is not self:
                text = repr(part)
            else:
                within.append(id(part))
                own = filter(None, [part.extra_repr(), f"{counts[id(part)]:,} parameters"])
                text = f"{type(part).__name__}({', '.join(own)})"
                waiting += reversed([(depth + 1, f"({name}): ", inner) for name, inner in part.children()])
            lines += ["  " * depth + line for line in f"{name}{text}".split("\n")]
        return "\n".join(lines)


PARTS = (Module, Parameter)
