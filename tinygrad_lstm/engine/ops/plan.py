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

PlannedRule: TypeAlias = Callable[[int, Any, tuple[Any, ...]], Any]  # for input k: rule(k, g, kept)


@dataclass(frozen=True, slots=True)  # read at every op: a NamedTuple's fields take twice as long
class Plan:
    """What to keep, and which rules to call, when just these inputs need a gradient.

    ``pick`` takes the kept values out of ``(*inputs, y)``; it is None when the rules ask for others too. Each of the
    ``rules`` gives the contribution to one input k: ``rule(k, g, kept)``. A joint rule is called before them,
    ``joint(g, *kept)``; what it gives takes the place of g, and each rule only takes its part of it.
    """

    keep: tuple[str, ...]  # the names of the values that the rules ask for, each once
    pick: Callable[..., tuple[Any, ...]] | None
    rules: tuple[tuple[int, PlannedRule], ...]
    joint: Rule | None
    multi_output: bool  # the rules take a list of cotangents, one for each output


def plan_for(op: Primitive[Any, Any], needs_input_grad: tuple[bool, ...]) -> Plan:
    """The plan of an op when these inputs need a gradient; GradError for an op that has no derivatives."""
    if not op.inputs:
        raise GradError(f"{op.name} has no derivative; give it one with {op.name}.defvjp(...)")
    joint, joint_needs = op.joint or (None, ())
    keep = {name: n for n, name in enumerate(joint_needs)}  # each name with its position among the kept values
    widen: Callable[[Rule], Rule] = Primitive.rule_in_float32 if op.wide else lambda rule: rule

    def places(names: Sequence[str]) -> list[int]:
        return [keep.setdefault(name, len(keep)) for name in names]

    wanted = [k for k, needed in enumerate(needs_input_grad) if needed]
    if joint is not None:
        rules: dict[int, PlannedRule] = dict.fromkeys(wanted, lambda k, parts, kept: parts[k])
    elif op.sequence:  # one function for all inputs: there may be thousands
        rule, names = op.rule_for(0)
        needs = places(names)
        rules = dict.fromkeys(wanted, lambda k, g, kept: widen(partial(rule, k))(g, *[kept[n] for n in needs]))
    else:
        rules = {k: _adapt(widen(rule), places(names)) for k in wanted for rule, names in [op.rule_for(k)]}
    positions = {name: k for k, name in enumerate(op.inputs)} | {op.words.y: len(op.inputs)}
    pick = _picker([positions[x] for x in keep]) if not op.sequence and keep.keys() <= positions.keys() else None
    plan = Plan(tuple(keep), pick, tuple(rules.items()), joint and widen(joint), op.multi_output)
    if not op.sequence or len(needs_input_grad) < 5:  # with all lengths of sequences the cache would have no bound
        op.plans[needs_input_grad] = plan
    return plan


def _adapt(rule: Rule, needs: Sequence[int]) -> PlannedRule:
    """The rule of one input as a planned rule; ``needs``: which of the kept values it asks for."""
    if not needs:
        return lambda k, g, kept: rule(g)
    if len(needs) == 1:
        n = needs[0]
        return lambda k, g, kept: rule(g, kept[n])
    return lambda k, g, kept: rule(g, *[kept[n] for n in needs])  # slower than the others, which are nearly all


def _picker(slots: list[int]) -> Callable[..., tuple[Any, ...]]:
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
