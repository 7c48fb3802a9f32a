"""The gradient of a loss: each line as wide as the log of the norm that comes along it, in its route's colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from viz.diagram.cellgraph import PARAMETERS, CellGraph, EdgeKey, Link
from viz.encode.encoding import Encoding, KeyOfLines, Scale
from viz.encode.legend_words import OFF_THE_ROUTES, ROUTES_OF_ANY_CELL, less_than, routes_of
from viz.measure.gradient import ChainGradient, Share
from viz.style.stroke import Stroke
from viz.style.text import number
from viz.style.theme import Theme
from viz.style.width_scales import LogWidth


@dataclass(frozen=True)
class Strongest:
    """The strongest single path (``tg.paths.strongest_path``), to be pointed out: its edges, and what to say of it."""

    edges: frozenset[EdgeKey]
    words: str

    def along(self, link: Link, cells: CellGraph) -> bool:
        """Whether the path goes along a link; to a state's pill it goes if it goes on from the state's maker."""
        if link.edges:
            return not self.edges.isdisjoint(link.keys)
        made = {vertex for vertex, _ in cells.outputs(link.reader)}
        return any(reader in made for reader, _ in self.edges)


class LookOfRoutes:
    """The looks of the routes that a gradient takes, of any graph: one stroke for a route and a norm."""

    def __init__(self, theme: Theme, scale: LogWidth) -> None:
        self.theme, self.scale = theme, scale
        self.hues = {
            "carry": theme.carry, "crossing": theme.crossing, "weight": theme.weight, "depth": theme.ink,
            "read": theme.ink,
        }  # fmt: skip

    def stroke(self, route: str, size: float | None, bright: bool = False) -> Stroke:
        """Towards the source where a gradient went along it, towards the reader where none did."""
        if size is None:
            cut = route == "cut"
            return Stroke(
                self.theme.forward, 1.1, "cut" if cut else "none", dashed=cut, open=True, data={"route": route}
            )
        data = {"route": route, "norm": f"{size:.9g}"}
        width, opacity = self.scale.width(size), self.scale.opacity(size)
        halo = self.theme.bright if bright else ""
        if size == 0:  # a gradient that came, and is nothing
            return Stroke(self.theme.ink, width, "zero", dotted=True, backward=True, halo=halo, data=data)
        kind = route if self.scale.has(size) else "below" if math.isfinite(size) else "not finite"
        return Stroke(
            self.hues[route], width, kind, dashed=route == "crossing", dotted=kind != route, backward=True,
            opacity=opacity, halo=halo, data=data,
        )  # fmt: skip

    def sample(self, size: float) -> Stroke:
        """A line for a number on the scale."""
        return Stroke(self.theme.ink, self.scale.width(size), backward=True, opacity=self.scale.opacity(size))

    def key(self, words: Mapping[str, str], strongest: Strongest | None) -> KeyOfLines:
        """What the legend says of each kind of line: the strongest path, the routes, and what is on no route."""
        theme = self.theme
        line = Stroke(theme.ink, 3, backward=True)
        routes = {
            kind: (said, replace(line, colour=self.hues.get(kind, theme.carry), kind=kind, dashed=kind == "crossing"))
            for kind, said in words.items()
        }
        below = Stroke(theme.ink, 0.8, "below", dotted=True, backward=True, opacity=0.55)
        others = {
            "not finite": Stroke(theme.ink, 6.5, "not finite", dotted=True, backward=True),
            "zero": self.stroke("read", 0.0), "none": self.stroke("forward", None), "cut": self.stroke("cut", None),
        }  # fmt: skip
        bright = Stroke(theme.bright, 6, "strongest", backward=True)
        return {
            **({"strongest": (strongest.words, bright)} if strongest else {}),
            **routes,
            "below": (less_than(self.scale.label(10.0**self.scale.low)), below),
            **{kind: (OFF_THE_ROUTES[kind], stroke) for kind, stroke in others.items()},
        }


class GradientEncoding(Encoding):
    """The gradient in one chain."""

    general = ROUTES_OF_ANY_CELL

    def __init__(
        self, gradient: ChainGradient, theme: Theme, scale: LogWidth, strongest: Strongest | None = None
    ) -> None:
        super().__init__(gradient.cells, theme)
        self.gradient, self.scale, self.strongest = gradient, scale, strongest
        self.looks = LookOfRoutes(theme, scale)

    @property
    def guide(self) -> str:
        """How to read the picture."""
        said = "Values run left to right, gradients right to left. "
        said += "A line is as wide as the log of the gradient that went along it"
        return said + (", at all steps together." if self.cells.rolled else ".")

    def stroke(self, link: Link) -> Stroke:
        """Its route and its norm."""
        size, route = self.gradient.norms.get(link), str(self.gradient.routes[link])
        if size is None and self.gradient.is_cut(link):
            route = "cut"
        bright = self.strongest is not None and self.strongest.along(link, self.cells)
        found = self.looks.stroke(route, size, bright)
        other = found.kind == "carry" and link.only_carries and not self.is_on_belt(link.source[0])
        return replace(found, kind="other") if other else found

    def amount(self, link: Link) -> str:
        """The norm of what was delivered; into the weights, that of each as well."""
        size = self.gradient.norms.get(link)
        if size is None:
            return "cut, 0" if self.gradient.is_cut(link) else ""
        apart = self.gradient.into_weights(link.edges) if link.source[0] == PARAMETERS else {}
        parts = [f"{letter} {number(norm)}" for letter, norm in apart.items() if letter != "?"]
        return f"‖∇‖ {number(size)}" + (f", {', '.join(parts)}" if len(parts) > 1 else "")

    def widths(self) -> Scale:
        """The scale of widths."""
        return self.scale

    def sample(self, size: float) -> Stroke:
        """A line for a number on the scale."""
        return self.looks.sample(size)

    @cached_property
    def key(self) -> KeyOfLines:
        """The routes that a gradient takes, and what is on no route."""
        return self.looks.key(routes_of(self.cells), self.strongest)

    def note(self, name: str, t: int) -> str:
        """The norm of the state's gradient."""
        if (name, t) in self.gradient.states:
            return f"‖∇‖ {number(self.gradient.states[name, t])}"
        if self.cells.is_cut(name, t):
            return "✂ detached"
        return "no gradient" if self.cells.state(*self.cells.every((name, t))[0]).requires_grad else "constant"

    def data(self, name: str, t: int) -> dict[str, str]:
        """The norm, to all its digits."""
        return {"norm": f"{self.gradient.states[name, t]:.9g}"} if (name, t) in self.gradient.states else {}

    def step_notes(self, t: int) -> Sequence[str]:
        """What the step adds to the gradient of the weights: W, U and b apart, and all together, as wide as drawn."""
        added = self.gradient.added.get(t)
        if added is None:
            return ()
        adds = "all steps add " if self.cells.rolled else "adds "
        parts = [f"{name} {number(added[name])}" for name in self.gradient.learning if name in added]
        total = number(added[""])
        if len(parts) == 1:
            return (f"{adds}‖∂L/∂{parts[0].split(' ')[0]}‖ {total}",)
        apart = (f"{adds}to {', '.join(parts)}: ‖∇‖ {total}",) if parts else ()
        return (*apart, f"{adds}‖∇‖ {total}")

    def weights_notes(self) -> Sequence[str]:
        """That the steps' additions sum to the weights' gradient, and how, where the steps read W itself."""
        if len(self.gradient.added) < 2:
            return ()
        summed = f"{summed_words(self.gradient)} is the sum over t of what the steps add"
        read = {edge.source for link in self.cells.links if link.source[0] == PARAMETERS for edge in link.edges}
        names = [name.split("_")[0] for vertex, name in self.cells.parameters.items() if vertex in read]
        return (summed, self.cells.template.summed) if "W" in names and self.cells.template.summed else (summed,)

    def share(self, t: int) -> Share | None:
        """How much of the state's gradient stayed on the belt."""
        return None if self.cells.rolled else self.gradient.shares.get(t)

    def loss(self) -> str:
        """The value of the loss."""
        return "L" if self.gradient.loss is None else f"L = {number(self.gradient.loss)}"

    def series(self, name: str) -> Mapping[int, float]:
        """‖∂L/∂state‖ at each step."""
        return self.gradient.state_norms(name)

    def fold_stroke(self, name: str, size: float | None) -> Stroke:
        """In the colour of the belt, or of the crossings."""
        return self.looks.stroke("carry" if self.is_on_belt(name) else "crossing", 1.0 if size is None else size)


def summed_words(gradient: ChainGradient) -> str:
    """What the steps add to: ∂L/∂W, or ∂L/∂(W, U, b)."""
    names = gradient.learning
    return f"∂L/∂{names[0]}" if len(names) == 1 else f"∂L/∂({', '.join(names)})"


def scale_of(gradients: Iterable[ChainGradient]) -> LogWidth:
    """The scale of widths for all that is drawn of these chains: every link, and every state in a fold."""
    return LogWidth.of(size for one in gradients for size in (*one.norms.values(), *one.states.values()))
