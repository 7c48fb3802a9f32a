"""Pictures in words: for a screen reader, a terminal, a log. The numbers are those of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from tinygrad_lstm import nn
from viz.diagram.cellgraph import CellGraph
from viz.diagram.folding import LONGEST, Run
from viz.diagram.surroundings import layer_numbers
from viz.encode.flows import routes_in_words
from viz.encode.gradients import summed_words
from viz.encode.ratios import NOTHING, SAME, RatioEncoding, ratio_of
from viz.measure.flow import ChainFlow
from viz.measure.gradient import ChainGradient
from viz.style.steps import at_step, at_steps, time_steps
from viz.style.text import in_words, number, percent, quantity

T = TypeVar("T")

# What a picture is called


def title_of(top: CellGraph, trajectory: nn.Trajectory, chain: int | None) -> str:
    """What is drawn, in a few words."""
    steps = time_steps(top.last)
    numbers = layer_numbers(trajectory)
    layers = len(set(numbers))
    if chain is not None and layers > 1:
        return f"{top.name}, layer {numbers[chain] + 1} of {layers}, {steps}"
    both = chain is None and len(numbers) > layers
    kind = f"bidirectional {top.name}" if both else top.name
    return f"one {kind}, {steps}" if layers == 1 else f"{kind} of {in_words(layers)} layers, {steps}"


def captions_of(chains: Sequence[CellGraph], numbers: Sequence[int]) -> list[str]:
    """What each row is called, given the layers that the chains are; nothing where there is only one."""
    if len(numbers) == 1:
        return [""]
    both = len(numbers) > len(set(numbers))
    directions = ["reverse" if one.chain.reverse else "forward" for one in chains]
    layers = [f"layer {number + 1}" for number in numbers]
    if len(set(numbers)) == 1:
        return directions
    return [f"{layer}, {direction}" if both else layer for layer, direction in zip(layers, directions, strict=True)]


def describe_folds(hidden: Sequence[Run]) -> str:
    """What was folded, and why; nothing of nothing.

    >>> describe_folds([(3, 48)])
    'Folded, since they compute the same: t = 3 to 48.'
    """
    steps = ", ".join(at_step(first, last) for first, last in hidden)
    why = "they compute" if len(hidden) == 1 else "each computes"
    return f"Folded, since {why} the same: {steps}." if hidden else ""


# Chains


def describe_gradients(gradients: Sequence[ChainGradient], captions: Sequence[str]) -> str:
    """The gradient in all chains, from the top down."""
    pairs = zip(reversed(gradients), reversed(captions), strict=True)
    return " ".join(describe_gradient(gradient, f" ({caption})" if caption else "") for gradient, caption in pairs)


def describe_values(chains: Sequence[CellGraph], captions: Sequence[str]) -> str:
    """The values in all chains, from the top down."""
    pairs = zip(reversed(chains), reversed(captions), strict=True)
    return " ".join(_describe_values(cells, f" ({caption})" if caption else "") for cells, caption in pairs)


def describe_gradient(gradient: ChainGradient, where: str = "") -> str:
    """The path of the gradient from the last step to the first, in a few sentences; of a long run every few steps."""
    cells = gradient.cells
    template, order = cells.template, cells.order
    steps = time_steps(len(order))
    loss = f"L = {number(gradient.loss)}" if gradient.loss is not None else "the loss"
    backwards = "the first step to the last" if cells.chain.reverse else "the last step to the first"
    said = [f"The gradient of {loss} in one {cells.name}{where} over {steps}, from {backwards}."]
    for name in template.states:
        found = gradient.state_norms(name)
        norms = {t: found[t] for t in [*order[::-1], cells.start] if t in found}
        if norms:
            said.append(f"The norm of ∂L/∂{cells.letter(name)} is {_list_by_step(norms)}.")
    if template.gate:
        means = {t: cells.mean_gate(t) for t in order}
        belt = f"Each step of the belt, {template.belt_path}, multiplies ∂L/∂{cells.letter(template.belt_state)}"
        said.append(f"{belt} by {template.gate}, on average {_list_by_step(means)}.")
    if gradient.first_share is not None:
        said.append(_describe_share(gradient))
    if added := {t: sizes[""] for t, sizes in sorted(gradient.added.items())}:
        said.append(f"To {summed_words(gradient)} the steps add parts of norm {_list_by_step(added)}.")
    return " ".join([*said, *_describe_masks(cells)])


def _describe_values(cells: CellGraph, where: str = "") -> str:
    """The path of the values through a chain: what each step reads and makes, and what the belt carries on."""
    template, order = cells.template, cells.order
    step = cells.step(order[0])
    made = [f"{cells.letter(name)} {step.named[name].shape}" for name in cells.chain.cell.states]
    reads = f"reads x {step.named['x'].shape} and " if "x" in step.named else ""
    ends = "the last step to the first" if cells.chain.reverse else "the first step to the last"
    steps = time_steps(len(order))
    said = [f"One {cells.name}{where} over {steps}, from {ends}: each {reads}makes {' and '.join(made)}."]
    if template.gate:
        means = _list_by_step({t: cells.mean_gate(t) for t in order})
        said.append(f"Each step of the belt, {template.belt_path}, multiplies by {template.gate}, on average {means}.")
    said += _describe_masks(cells)
    return " ".join([*said, *(["There is no gradient yet."] if not cells.has_gradient else [])])


def _describe_masks(cells: CellGraph) -> list[str]:
    return [f"A mask keeps rows as they are at {at_steps(sorted(cells.masked))}."] if cells.masked else []


def _list_by_step(numbers: Mapping[int, float]) -> str:
    """Each number with its step; of more than 12 only the ends and every few between."""
    return ", ".join(f"{number(numbers[t])} at {at_step(t)}" for t in some_steps(numbers))


def some_steps(steps: Iterable[T]) -> list[T]:
    """Steps to list: of more than 12 only the ends and every few between."""
    every = list(steps)
    return every if len(every) <= LONGEST else [*every[:2], *every[2:-2:5], *every[-2:]]


def _describe_share(gradient: ChainGradient) -> str:
    """How the gradient of the first state came."""
    share, template = gradient.first_share, gradient.cells.template
    assert share is not None
    state = f"∂L/∂{gradient.cells.sign(share.state, share.t)}"
    if not share.finite:
        return f"{state} is not finite, so it has no shares."
    belt = f"belt: only times {template.gate}" if template.gate else f"belt, {template.belt_path}: only scaled"
    along, against = f"{percent(share.carry)} came along the {belt}", ", against it" if share.opposed else ""
    across = f"{percent(share.crossing)} by crossings, {template.crossing_path}{against}"
    return f"Of {state}, {along}; {across}."


# Differences and flows


def describe_ratios(encoding: RatioEncoding) -> str:
    """What changed in one chain: the states, the weights, and what only one run has."""
    cells, names = encoding.cells, encoding.names
    said = []
    for name in cells.template.states:
        pairs = [(t, encoding.states(name, t)) for t in some_steps(cells.order[::-1])]
        sizes = [f"{encoding.write(*pair)} at {at_step(t)}" for t, pair in pairs if pair != NOTHING]
        if sizes:
            said.append(f"The norm of ∂L/∂{cells.letter(name)}: {', '.join(sizes)}.")
    links = [(link, encoding.sizes(link)) for link in cells.links if encoding.sizes(link) != NOTHING]
    ratios = [ratio for _, sizes in links if (ratio := ratio_of(*sizes)) is not None]
    more, less = sum(ratio > SAME for ratio in ratios), sum(ratio < 1 / SAME for ratio in ratios)
    alike = len(ratios) - more - less
    changes = f"“{names[1]}” has more on {more}, less on {less}, about as much on {alike}"
    said.append(f"Of {quantity(len(links), 'line')} {changes}.")
    for k, name in enumerate(names):
        only = [link for link, sizes in links if sizes[k] and not sizes[1 - k] and math.isfinite(sizes[k] or 0.0)]
        if only:
            examples = ", ".join(
                f"from {cells.name_of(link.reader)} to {cells.name_of(link.source)}" for link in only[:3]
            )
            said.append(f"Only “{name}” has a gradient on {quantity(len(only), 'line')}, as {examples}.")
    if lost := sum(not all(math.isfinite(size or 0.0) for size in sizes) for _, sizes in links):
        said.append(f"On {quantity(lost, 'line')} it is not finite.")
    return " ".join(said)


def describe_flow(flow: ChainFlow, chains: Sequence[CellGraph], what: str) -> str:
    """The flow in words."""
    loss = f"L = {number(flow.loss)}" if flow.loss is not None else "the loss"
    said = [f"The flow from {flow.source}{flow.where} to {loss} in {what}: in all {flow.in_all}."]
    cuts = flow.sums_by_step()
    passed = [
        f"from {at_step(t)} to {after}: {', '.join(routes_in_words(flow, cuts[t]))}"
        for t, after in some_steps(pairwise(cuts))
    ]
    said += [chains[-1].template.definitions, f"F{'; '.join(passed)[1:]}."] if passed else []
    amounts = [amount for one in chains for link in one.links if (amount := flow.along(one, link)) is not None]
    against = sum(amount < 0 for amount in amounts)
    said.append(f"Of {quantity(len(amounts), 'line')} {against} carry a negative flow, which works against the others.")
    return " ".join([*said, describe_balance(flow)])


def describe_balance(flow: ChainFlow) -> str:
    """Whether the lines between two steps sum to the total; or that the total is too small for its numbers."""
    if flow.lost == 0:
        return f"Nothing flows: ‖∂L/∂{flow.source}‖ is exactly 0 in {flow.dtype}, which holds no smaller number."
    if flow.lost is not None:
        size = f"‖∂L/∂{flow.source}‖ is {number(flow.lost)}, and its square is less than {flow.dtype} holds"
        return f"The flow underflows: {size}; in float64 or with a direction= of length 1 there is one."
    if flow.conserved is None:
        return ""
    if flow.conserved:
        return f"Between any two steps the lines sum to {flow.write(flow.total)}."
    return f"What the lines between two steps lack of {flow.write(flow.total)} passes by what is not drawn."
