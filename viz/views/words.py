"""A picture in words: for a screen reader, a terminal, a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from viz.diagram.cellgraph import Unrolled
from viz.diagram.folding import LONGEST
from viz.measure.gradient import Flow
from viz.style.text import in_words, letter, number, percent, ranges
from viz.views.tooltips import sign


def in_words_of(flow: Flow, where: str = "") -> str:
    """The path of the gradient from the last step to the first, in a few sentences; of a long run every few steps."""
    unrolled = flow.unrolled
    template, order = unrolled.template, unrolled.order
    steps = f"{in_words(len(order))} time step{'s' * (len(order) > 1)}"
    loss = f"L = {number(flow.loss)}" if flow.loss is not None else "the loss"
    backwards = "the first step to the last" if unrolled.chain.reverse else "the last step to the first"
    said = [f"The gradient of {loss} in one {unrolled.name}{where} over {steps}, from {backwards}."]
    for name in dict.fromkeys([template.belt_state, *template.made_in]):
        norms = {t: flow.states[name, t] for t in [*order[::-1], unrolled.start] if (name, t) in flow.states}
        if norms:
            said.append(f"The norm of ∂L/∂{letter(name, template.is_lstm)} is {_list_by_step(norms)}.")
    if template.gate:
        means = {t: unrolled.mean_gate(t) for t in order}
        gradient = f"∂L/∂{letter(template.belt_state, template.is_lstm)}"
        belt = f"Each step of the belt, {template.belt_path}, multiplies {gradient} by {template.gate}"
        said.append(f"{belt}, on average {_list_by_step(means)}.")
    if flow.split is not None:
        said.append(_split(flow))
    if flow.weights:
        said.append(
            f"To {flow.summed} the steps add parts of norm {_list_by_step(dict(sorted(flow.weights.items())))}."
        )
    if unrolled.masked:
        said.append(f"A mask keeps rows as they are at t = {ranges(sorted(unrolled.masked))}.")
    return " ".join(said)


def values_in_words(unrolled: Unrolled, where: str = "") -> str:
    """The path of the values through a chain: what each step reads and makes, and what the belt carries on."""
    template, order = unrolled.template, unrolled.order
    step = unrolled.step(order[0])
    made = [f"{letter(name, template.is_lstm)} {step.named[name].shape}" for name in unrolled.chain.cell.states]
    reads = f"reads x {step.named['x'].shape} and " if "x" in step.named else ""
    ends = "the last step to the first" if unrolled.chain.reverse else "the first step to the last"
    steps = f"{in_words(len(order))} time step{'s' * (len(order) > 1)}"
    said = [f"One {unrolled.name}{where} over {steps}, from {ends}: each {reads}makes {' and '.join(made)}."]
    if template.gate:
        means = _list_by_step({t: unrolled.mean_gate(t) for t in order})
        said.append(f"Each step of the belt, {template.belt_path}, multiplies by {template.gate}, on average {means}.")
    if unrolled.masked:
        said.append(f"A mask keeps rows as they are at t = {ranges(sorted(unrolled.masked))}.")
    if not unrolled.has_gradient:
        said.append("There is no gradient yet.")
    return " ".join(said)


def _list_by_step(numbers: Mapping[int, float]) -> str:
    """Each number with its step; of more than 12 only the ends and every few between."""
    steps: Iterable[int] = numbers
    if len(numbers) > LONGEST:
        every = list(numbers)
        steps = [*every[:2], *every[2:-2:5], *every[-2:]]
    return ", ".join(f"{number(numbers[t])} at t = {t}" for t in steps)


def _split(flow: Flow) -> str:
    """How the gradient of the first state came."""
    split, template = flow.split, flow.unrolled.template
    assert split is not None
    state = f"∂L/∂{sign(flow.unrolled, split.state, split.t)}"
    if not split.finite:
        return f"{state} is not finite, so it has no shares."
    belt = f"belt: only times {template.gate}" if template.gate else f"belt, {template.belt_path}: only scaled"
    along, against = f"{percent(split.carry)} came along the {belt}", ", against it" if split.opposed else ""
    across = f"{percent(split.crossing)} by crossings, {template.crossing_path}{against}"
    return f"Of {state}, {along}; {across}."
