"""The picture's story in words, for whoever cannot see it: a screen reader, a terminal, a log."""

from __future__ import annotations

from viz.gradients import Flow
from viz.roles import Unrolled
from viz.style import in_words, letter, number, percent, subscript


def in_words_of(unrolled: Unrolled, flow: Flow) -> str:
    """The way of the gradient from the last step to the first, in a few sentences."""
    template, lstm = unrolled.template, unrolled.template.cell == "LSTM"
    steps = f"{in_words(unrolled.last)} time step{'s' * (unrolled.last > 1)}"
    loss = f"L = {number(flow.loss)}" if flow.loss is not None else "the loss"
    said = [f"The gradient of {loss} in one {template.cell} over {steps}, from the last step to the first."]
    for name in dict.fromkeys([template.belt_state, *template.made_in]):
        norms = [
            f"{number(flow.states[name, t])} at t = {t}"
            for t in range(unrolled.last, -1, -1)
            if (name, t) in flow.states
        ]
        if norms:
            said.append(f"The norm of ∂L/∂{letter(name, lstm)} is {', '.join(norms)}.")
    if template.belt:
        gates = [getattr(step, template.gate).data.mean() for step in unrolled.chain.steps]
        means = ", ".join(f"{number(float(mean))} at t = {t}" for t, mean in enumerate(gates, start=1))
        carried = f"∂L/∂{letter(template.belt_state, lstm)}"
        said.append(f"Each step of the belt multiplies {carried} by {template.gate}, on average {means}.")
    if flow.split is not None and not flow.split.told:
        sign = letter(flow.split.state, lstm) + subscript(flow.split.t)
        said.append(f"∂L/∂{sign} is not finite, so no shares of it can be told.")
    elif flow.split is not None:
        sign = letter(flow.split.state, lstm) + subscript(flow.split.t)
        along, across = percent(flow.split.carried), percent(flow.split.gated)
        way = "along C, from step to step only times f" if lstm else f"from h to h, only times {template.gate}"
        against = ", against it" if flow.split.opposed else ""
        said.append(f"Of ∂L/∂{sign}, {along} came {way}; {across} came through the gates, by way of h{against}.")
    if flow.weights:
        adds = ", ".join(f"{number(size)} at t = {t}" for t, size in sorted(flow.weights.items()))
        said.append(f"To ∂L/∂W the steps add parts of norm {adds}.")
    return " ".join(said)
