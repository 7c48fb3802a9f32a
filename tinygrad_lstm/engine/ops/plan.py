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

    ``pick`` takes the kept values out of ``(*inputs, y)``; it is None where a rule asks for another value too, as a
    shape or an option: then ``kept_values`` finds them. Each of the ``rules`` is for one input k: backward adds
    ``rule(k, g, kept)`` to ∂L/∂(input k). With a joint rule, it calls ``parts = joint(g, *kept)`` once, and then for
    each input ``rule(k, parts, kept)``, where the rule is ``take_part``.
    """

    keep: tuple[str, ...]  # the names of the values that the rules ask for, each once
    pick: Callable[..., tuple[Any, ...]] | None
    rules: tuple[tuple[int, PlannedRule], ...]
    joint: Rule | None
    multi_output: bool  # the rules take a list of cotangents, one for each output


def plan_for(op: Primitive[Any, Any], needs_input_grad: tuple[bool, ...]) -> Plan:
    """Make the plan for these inputs, and store it in ``op.plans``; GradError for an op that has no derivatives."""
    if not op.inputs:
        raise GradError(f"{op.name} has no derivative; give it one with {op.name}.defvjp(...)")
    joint, joint_needs = op.joint or (None, ())
    slots = {name: n for n, name in enumerate(joint_needs)}  # for each name that a rule asks for: its slot in ``kept``
    widen: Callable[[Rule], Rule] = Primitive.rule_in_float32 if op.wide else lambda rule: rule

    def slots_of(names: Sequence[str]) -> list[int]:
        return [slots.setdefault(name, len(slots)) for name in names]

    needed = [k for k, needs in enumerate(needs_input_grad) if needs]
    if joint is not None:
        rules: dict[int, PlannedRule] = dict.fromkeys(needed, take_part)
    elif op.sequence:  # one function for all inputs: there may be thousands
        rule, names = op.rule_for(0)
        asked = slots_of(names)
        rules = dict.fromkeys(needed, lambda k, g, kept: widen(partial(rule, k))(g, *[kept[n] for n in asked]))
    else:
        rules = {}
        for k in needed:
            rule, names = op.rule_for(k)
            rules[k] = _adapt(widen(rule), slots_of(names))
    positions = {name: k for k, name in enumerate((*op.inputs, op.spelling.y))}  # in (*inputs, y)
    pick = _picker([positions[x] for x in slots]) if not op.sequence and slots.keys() <= positions.keys() else None
    plan = Plan(tuple(slots), pick, tuple(rules.items()), joint and widen(joint), op.multi_output)
    if not op.sequence or len(needs_input_grad) < 5:  # a plan for every length of sequence would be too many to store
        op.plans[needs_input_grad] = plan
    return plan


def take_part(k: int, parts: Any, kept: tuple[Any, ...]) -> Any:
    """What the joint rule gave for input k."""
    return parts[k]


def _adapt(rule: Rule, slots: Sequence[int]) -> PlannedRule:
    """The rule of one input as a planned rule; ``slots``: which of the kept values it asks for."""
    if not slots:
        return lambda k, g, kept: rule(g)
    if len(slots) == 1:
        n = slots[0]
        return lambda k, g, kept: rule(g, kept[n])
    return lambda k, g, kept: rule(g, *[kept[n] for n in slots])  # the two above are faster, and the usual case


def _picker(positions: list[int]) -> Callable[..., tuple[Any, ...]]:
    """A function that takes these elements out of a tuple. It always gives a tuple, also of one element or none."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return itemgetter(slice(positions[0], positions[0] + 1) if positions else slice(0))  # a slice gives a tuple


def kept_values(
    op: Primitive[Any, Any], plan: Plan, arrays: Sequence[Array], y: Any, params: Mapping[str, Any],
    needs_input_grad: tuple[bool, ...], saved: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The values that the rules of a plan ask for; ``params`` has the options of this call, by name."""
    others = {op.spelling.y: y, op.spelling.saved: saved, op.spelling.needs_input_grad: needs_input_grad, **params}
    kept = []
    for name in plan.keep:
        if name in others:
            kept.append(others[name])
            continue
        given = tuple(arrays) if op.sequence else arrays[op.inputs.index(op.spelling.input_of.get(name, name))]
        if name in op.spelling.input_of:
            given = tuple(map(np.shape, given)) if op.sequence else np.shape(given)
        kept.append(given)
    return tuple(kept)
