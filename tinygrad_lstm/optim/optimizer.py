"""What every optimiser shares: groups of parameters with their options, and the loop over those with a gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Any, Self, TypeAlias

import numpy as np

from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, WeightsError, check_call
from tinygrad_lstm.optim.domains import check_option
from tinygrad_lstm.optim.options import Option, named_options

Params: TypeAlias = Tensor | Iterable[Tensor | tuple[str, Tensor] | Mapping[str, Any]]
FIXED = frozenset({float, int, bool, str, tuple, type(None)})
State: TypeAlias = dict[str, Any]  # of one parameter: arrays of its shape, and numbers


@dataclass(eq=False, repr=False, init=False)
class Optimizer:
    """Changes parameters by their gradients: a subclass has its options as fields, and its equations in ``update``.

    Parameters are tensors, (name, tensor) pairs, or groups of them with options of their own, as in PyTorch:
    ``[{"params": net.head.parameters(), "lr": 0.1}, {"params": net.rnn.parameters()}]``. ``param_groups`` has one dict
    for each; what is written there (a new ``"lr"``) holds from the next step on.

    A parameter whose gradient is None stays as it is, and so does its state. An infinite or NaN gradient is used as it
    is, as in PyTorch, and mostly makes its parameter NaN for good; to refuse it, call
    ``nn.utils.clip_grad_norm_(parameters, max_norm, error_if_nonfinite=True)`` before the step.

    A new optimiser, with a learning rate of its own for one of two parameters:

    >>> from tinygrad_lstm.optim import Option, takes_options
    >>> @takes_options
    ... class SignSGD(Optimizer):
    ...     lr: Option[float] = Option(0.25)
    ...     def update(self, p, g, state):
    ...         return p - self.lr * np.sign(g)
    >>> u, w = Tensor([1.0, 1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    >>> (5 * u.sum() - w.sum()).backward()
    >>> SignSGD([{"params": [u]}, {"params": [w], "lr": 0.5}]).step()
    >>> u, w
    (tensor([0.75, 0.75], requires_grad=True), tensor([1.5], requires_grad=True))

    A subclass may also have an ``__init__`` that calls ``super().__init__(params, lr=lr)``, and an ``update`` that
    names options among its parameters, ``update(self, p, g, state, *, lr)``.
    """

    params: InitVar[Params]
    lr: Option[float] = Option(1e-3)  # noqa: RUF009  a descriptor, which all optimisers share
    _: KW_ONLY
    maximize: Option[bool] = Option(False)  # noqa: RUF009

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Empty fields: the constructor of ``takes_options`` sets the options in them, then calls ``__post_init__``."""
        self = super().__new__(cls)
        self.defaults, self.param_groups, self.state, self._group = {}, [], [], None
        self._given, self._checked = [], []
        return self

    def __init__(self, params: Params, **defaults: Any) -> None:
        self.defaults: dict[str, Any]
        self.param_groups: list[dict[str, Any]]
        self.state: list[State]  # one for each parameter, in the order of the groups
        self._group: Mapping[str, Any] | None  # the options of the group that a step is at
        self._given: list[dict[str, Any]]  # the options of all groups at the last step,
        self._checked: list[dict[str, Any]]  # and the same, found in their domains
        self.defaults |= defaults
        self.defaults["maximize"] = self.defaults.pop("maximize", False)  # moved to the end, where signatures have it
        groups = _as_list(params)
        grouped = bool(groups) and all(isinstance(group, Mapping) for group in groups)
        for group in groups if grouped else [{"params": groups}]:
            self.add_param_group(group)

    def __post_init__(self, params: Params) -> None:
        Optimizer.__init__(self, params)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """More parameters, ``param_group["params"]``; options that the group does not give are the optimiser's.

        Raises ArgumentError for an option that is unknown or out of its domain, and for a parameter that is not a real
        leaf that requires a gradient, or that the optimiser has already.
        """
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise ArgumentError(f"a group is a dict that has its parameters under 'params', not {param_group!r}")
        options = self._check(self.defaults | _options(param_group))
        parameters = [member[1] if isinstance(member, tuple) and len(member) == 2 else member
                      for member in _as_list(param_group["params"])]  # fmt: skip
        if not parameters:
            raise ArgumentError(
                "an optimiser needs at least one parameter in each group (a generator, such as module.parameters(), "
                "gives them only once: to use them twice, make a list)"
            )
        for k, parameter in enumerate(parameters):
            if not (isinstance(parameter, Tensor) and parameter.requires_grad and parameter.is_leaf):
                raise ArgumentError(
                    "an optimiser takes leaves that require a gradient, e.g. module.parameters(): "
                    f"number {k} is {parameter!r}"
                )
        together = self.parameters + parameters
        if len(set(together)) < len(together):
            raise ArgumentError("a parameter is given twice, and would be changed twice in each step")
        self.param_groups.append({"params": parameters, **options})
        self.state += [{} for _ in parameters]

    def _check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a group, if each is there, known and in its domain."""
        if missing := self.defaults.keys() - options.keys():
            raise ArgumentError(f"a group has lost its {', '.join(sorted(missing))}: set it in param_groups again")
        unknown = [str(name) for name in options if name not in self.defaults and name != "initial_lr"]
        if unknown:
            raise ArgumentError(
                f"{type(self).__name__} has no option {', '.join(unknown)}: it has {', '.join(self.defaults)}"
            )
        return {name: check_option(name, value) for name, value in options.items()}

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters of all groups."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def option(self, name: str) -> Any:
        """What an option is: in ``update``, for the group that is updated; else for all groups.

        Raises ArgumentError if groups differ in it.
        """
        if self._group is not None:
            return self._group[name]
        if name not in self.defaults:
            raise ArgumentError(f"{type(self).__name__} has no option {name}: it has {', '.join(self.defaults)}")
        groups = map(_options, self.param_groups)
        first, *others = [self._check(options)[name] for options in groups] or [self.defaults[name]]
        if any(value != first for value in others):
            what = "learning rates" if name == "lr" else f"values of {name}"
            raise ArgumentError(f"the groups have different {what}, {[first, *others]}: ask param_groups[k][{name!r}]")
        return first

    def set_option(self, name: str, value: Any) -> None:
        """Set an option in every group; before there is one, its default."""
        value = check_option(name, value)
        for options in self.param_groups or [self.defaults]:
            options[name] = value

    def __repr__(self) -> str:
        groups = [
            f"{len(group['params'])} parameters"
            + "".join(f", {name}={value}" for name, value in _options(group).items())
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"

    # A step ---------------------------------------------------------------------------------------------------------

    @check_call
    def zero_grad(self) -> None:
        """Forget the gradients of its parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """One update of every parameter that has a gradient; with ``maximize`` uphill, else downhill.

        A float16 parameter is updated in float32 and then rounded; its state is float32. Raises ArgumentError for an
        option that was set to what it may not be, before anything is changed.
        """
        groups = [_options(group) for group in self.param_groups]
        if len(groups) != len(self._given) or not all(map(_same, groups, self._given)):
            self._checked = [self._check(group) for group in groups]
            self._given = groups
        named = named_options(type(self).update, tuple(name for name in self.defaults if name != "maximize"))
        states = iter(self.state)
        try:
            for group, own in zip(self.param_groups, self._checked, strict=True):
                self._group = own
                uphill, options = own["maximize"], {name: own[name] for name in named}
                for parameter, state in zip(group["params"], states, strict=False):  # takes as many as it has
                    if (gradient := parameter.grad) is not None:
                        p, g = wide(parameter.data), wide(gradient.data)
                        parameter.data = self.update(p, -g if uphill else g, state, **options)
        finally:
            self._group = None

    def update(self, *args: Any, **options: Any) -> Array:
        """The new p, from p, its gradient g and its state, a dict of its own to write into; options are ``self.lr``."""
        raise TypeError(f"{type(self).__name__} has no update")

    # Going on later -------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that the next steps depend on, except parameters and gradients; ``tg.save`` can write it.

        ``state`` has the arrays by the parameter's number, ``param_groups`` the options and each group's numbers.
        """
        numbers = iter(range(len(self.state)))
        groups = [_options(group) | {"params": [next(numbers) for _ in group["params"]]} for group in self.param_groups]
        return {
            "optimizer": type(self).__name__,
            "param_groups": groups,
            "state": deepcopy({k: own for k, own in enumerate(self.state) if own}),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from such a state as if there had been no interruption.

        Raises WeightsError for the state of another optimiser or of other parameters, before anything is changed.
        """
        if not _is_state(state_dict):
            raise WeightsError("the state of an optimiser is a dict with optimizer, param_groups and state")
        if state_dict["optimizer"] != type(self).__name__:
            raise WeightsError(f"this is the state of {state_dict['optimizer']}, not of {type(self).__name__}")
        groups, states = state_dict["param_groups"], state_dict["state"]
        theirs, ours = ([len(group["params"]) for group in some] for some in (groups, self.param_groups))
        if theirs != ours:
            raise WeightsError(f"a state of groups of {theirs} parameters for groups of {ours}")
        for group in groups:
            if missing := set(self.defaults) - set(group):
                raise WeightsError(f"the state has no {', '.join(sorted(missing))}")
        try:
            options = [self._check(_options(group)) for group in groups]
        except ArgumentError as error:
            raise WeightsError(f"the state does not fit: {error}") from None
        if extra := set(states) - set(range(len(self.state))):
            raise WeightsError(f"the state is of parameters {sorted(extra, key=str)} too, which are not here")
        for k, parameter in enumerate(self.parameters):
            for name, array in states.get(k, {}).items():
                if np.shape(array) not in ((), parameter.shape):  # a count, or one number for each of the parameter's
                    raise WeightsError(f"{name} of parameter {k} is {np.shape(array)}, should be {parameter.shape}")
        for own, group in zip(self.param_groups, options, strict=True):
            own.update(group)
        self.state = [deepcopy(dict(states.get(k, {}))) for k in range(len(self.state))]


def _is_state(state_dict: Any) -> bool:
    """Whether it is built as ``state_dict`` builds it."""
    if not isinstance(state_dict, Mapping) or {"optimizer", "param_groups", "state"} - set(state_dict):
        return False
    groups, states = state_dict["param_groups"], state_dict["state"]
    return (
        isinstance(groups, list)
        and all(isinstance(group, Mapping) and isinstance(group.get("params"), list) for group in groups)
        and isinstance(states, Mapping)
        and all(isinstance(own, Mapping) for own in states.values())
    )


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    """What a group says beside its parameters."""
    return {name: value for name, value in group.items() if name != "params"}


def _same(options: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether these are the very options that there were before, and of kinds that cannot change."""
    return options.keys() == before.keys() and all(
        value is before[name] and type(value) in FIXED for name, value in options.items()
    )


def _as_list(params: Any) -> list[Any]:
    """The members of an iterable; a tensor by itself is one."""
    if isinstance(params, Tensor):
        return [params]
    if not has_members(params) or isinstance(params, set | frozenset):
        raise ArgumentError(
            f"parameters are given in a fixed order, e.g. as module.parameters(), not as a {type(params).__name__}"
        )
    return list(params)
