"""What a recorded op keeps for backward, and which rules it calls, for each set of inputs that need gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.engine.ops.rules import Rule
from tinygrad_lstm.errors import GradError

PlannedRule: TypeAlias = Callable[[Any, tuple[Any, ...]], Any]  # a rule, as a function of g and all kept values
Pick: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)  # read at every op: a NamedTuple's fields take twice as long
class Plan:
    """What to keep, and which rules to call, when just these inputs need a gradient.

    ``pick`` takes the kept values out of ``(*inputs, y)``; it is None when the rules ask for others too. The
    contribution to input k is ``rule(g, kept)`` for each ``(k, rule)`` of ``rules``. Where there is a joint rule, what
    it gives takes the place of g, and the rules only take their parts of it.
    """

    keep: tuple[str, ...]
    pick: Pick | None
    rules: tuple[tuple[int, PlannedRule], ...]
    joint: PlannedRule | None
    multi_output: bool  # the rules take a list of cotangents, one for each output


def plan_for(op: Primitive[Any, Any], needs_input_grad: tuple[bool, ...]) -> Plan:
    """The plan of an op when these inputs need a gradient; GradError for an op that has no derivatives."""
    if not op.inputs:
        raise GradError(f"{op.name} has no derivative; give it one with {op.name}.defvjp(...)")
    keep: dict[str, int] = {}  # each name with its position among the kept values

    def plan_rule(rule: Rule, names: Sequence[str]) -> PlannedRule:
        needs = [keep.setdefault(name, len(keep)) for name in names]
        return _adapt(Primitive.rule_in_float32(rule) if op.wide else rule, needs)

    joint = plan_rule(*op.joint) if op.joint is not None else None
    rules: list[tuple[int, PlannedRule]] = []
    for k in [n for n, needed in enumerate(needs_input_grad) if needed]:
        rule, names = op.rule_for(k)
        rule = partial(rule, k) if op.sequence else rule
        rules.append((k, plan_rule(rule, names) if joint is None else _adapt(itemgetter(k), ())))
    positions = {name: k for k, name in enumerate(op.inputs)} | {op.words.y: len(op.inputs)}
    at_hand = not op.sequence and keep.keys() <= positions.keys()
    pick = _picker([positions[name] for name in keep]) if at_hand else None
    plan = Plan(tuple(keep), pick, tuple(rules), joint, op.multi_output)
    if not op.sequence or len(needs_input_grad) < 5:  # with all lengths of sequences the cache would have no bound
        op.plans[needs_input_grad] = plan
    return plan


def _adapt(rule: Rule, needs: Sequence[int]) -> PlannedRule:
    """The rule as a function of g and all kept values, of which it needs these."""
    if not needs:
        return lambda g, kept: rule(g)
    if len(needs) == 1:
        n = needs[0]
        return lambda g, kept: rule(g, kept[n])
    pick = itemgetter(*needs)
    return lambda g, kept: rule(g, *pick(kept))  # a call with * takes twice as long


def _picker(slots: list[int]) -> Pick:
    """A function that takes these elements out of a tuple. It always gives a tuple, also of one element or none."""
    if len(slots) > 1:
        return itemgetter(*slots)
    return itemgetter(slice(slots[0], slots[0] + 1) if slots else slice(0))  # a slice gives a tuple


def kept_values(
    op: Primitive[Any, Any], plan: Plan, arrays: Sequence[Array], y: Any, params: Mapping[str, Any],
    needs_input_grad: tuple[bool, ...], saved: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The values that the rules of a plan ask for, where these are more than its inputs and its output."""
    others = {op.words.y: y, op.words.saved: saved, op.words.needs_input_grad: needs_input_grad, **params}
    kept = []
    for name in plan.keep:
        if name in others:
            kept.append(others[name])
            continue
        given = tuple(arrays) if op.sequence else arrays[op.inputs.index(op.words.input_of.get(name, name))]
        if name in op.words.input_of:
            given = tuple(map(np.shape, given)) if op.sequence else np.shape(given)
        kept.append(given)
    return tuple(kept)
