"""The cell view: every part of every step pinned in its place, the lines as wide as the gradient that went along them."""

from __future__ import annotations

import html
import linecache
import math
import re
from pathlib import Path

import graphviz

from viz.gradients import Flow
from viz.header import Entry, header
from viz.pinned import canvas, left_aligned, node, width_of_text
from viz.roles import OUTSIDE, WEIGHTS, Line, Part, Unrolled
from viz.style import WIDTH_FORMULA, Theme, in_words, letter, number, percent, printable, subscript, width_of
from viz.templates import Box

PILL, GATE_SIZE, PRODUCT, DISC, INPUT = (62, 38), (80, 28), (98, 26), (27, 27), (30, 22)
BAR_Y, BAR_HEIGHT = -47, 30  # below a template's bottom


def cell_view(unrolled: Unrolled, flow: Flow | None, theme: Theme, title: str, layer: str = "") -> str:
    """DOT text of an unrolled cell; with a flow the lines are its gradients, without one the values' way."""
    return _CellView(unrolled, flow, theme, layer).drawn(title)


class _CellView:
    """Draws one picture; every method adds one kind of thing to it."""

    def __init__(self, unrolled: Unrolled, flow: Flow | None, theme: Theme, layer: str) -> None:
        self.unrolled, self.flow, self.theme, self.layer = unrolled, flow, theme, layer
        self.template = unrolled.template
        self.lstm = self.template.cell == "LSTM"
        self.dot = canvas("cell", theme)

    def drawn(self, title: str) -> str:
        for t in range(1, self.unrolled.last + 1):
            self.panel(t)
        for name in self.template.made_in:
            self.pill(name, 0)
        for t in range(1, self.unrolled.last + 1):
            for role, box in self.template.boxes.items():
                self.box(role, box, t)
            if self.template.belt:
                self.derivative(t)
        self.weights()
        self.outside()
        for line in self.unrolled.lines:
            self.line(line)
        self.split()
        self.legend(title)
        return self.dot.source

    # Places and names ------------------------------------------------------------------------------------------------

    def x(self, t: int) -> float:
        """Where step t begins."""
        return (t - 1) * self.template.pitch

    def place(self, part: Part) -> tuple[float, float]:
        """The middle of a part."""
        role, t = part
        if role == OUTSIDE:
            raise KeyError(part)
        box = self.template.boxes[role]
        return (-62, box.y) if t == 0 else (self.x(t) + box.x, box.y)

    def sign(self, name: str, t: int) -> str:
        """A value as the equations write it, e.g. C₂."""
        return f"{letter(name, self.lstm)}{subscript(t)}"

    # Parts of a step -------------------------------------------------------------------------------------------------

    def panel(self, t: int) -> None:
        theme, template, left = self.theme, self.template, self.x(t)
        with self.dot.subgraph(name=f"cluster_{t}") as panel:
            panel.attr(
                style="rounded,filled", fillcolor=theme.panel, color=theme.frame, label="", id=f"step_{t}",
                bb=f"{left + 8:g},{template.bottom},{left + template.pitch - 16:g},{template.top}",
            )  # fmt: skip
        adds = ""
        if self.flow and t in self.flow.weights:
            adds = f'<FONT POINT-SIZE="10">&#160;&#160;&#160;adds ‖∂L/∂W‖ {number(self.flow.weights[t])}</FONT>'
        text = f'<FONT POINT-SIZE="14" COLOR="{theme.quiet}"><B>t = {t}</B>{adds}</FONT>'
        left_aligned(self.dot, f"caption_{t}", left + 22, template.top - 20, 220, text)

    def pill(self, name: str, t: int) -> None:
        """A state, with the norm of its gradient."""
        theme, tensor = self.theme, self.unrolled.state(name, t)
        hue = theme.carried if name == "c" else theme.gated
        if self.flow is None:
            note = printable(str(tensor.shape))
        elif (name, t) in self.flow.states:
            note = f"‖∇‖ {number(self.flow.states[name, t])}"
        else:
            note = "no gradient" if tensor.requires_grad else "constant"
        label = f'<FONT POINT-SIZE="15"><B>{self.sign(name, t)}</B></FONT><BR/><FONT POINT-SIZE="9" COLOR="{theme.quiet}">{note}</FONT>'
        node(
            self.dot, f"{name}_{t}", self.place((name, t)), PILL, f"<{label}>", style="rounded,filled", penwidth="2.2",
            color=hue, fillcolor=theme.filled(hue), tooltip=self.told(name, t),
        )  # fmt: skip

    def box(self, role: str, box: Box, t: int) -> None:
        theme, part = self.theme, (role, t)
        name, tooltip = f"{role}_{t}", self.told(role, t)
        if box.look == "state":
            self.pill(role, t)
        elif box.look in ("gate", "candidate"):
            hue = theme.gate if box.look == "gate" else theme.candidate
            label = (
                f"<<I><B>{letter(role, self.lstm)}</B></I>{subscript(t)}&#160;"
                f'<FONT POINT-SIZE="9" COLOR="{theme.spoken(hue)}">{box.note}</FONT>>'
            )
            node(self.dot, name, self.place(part), GATE_SIZE, label, color=hue, fillcolor=theme.filled(hue),
                 penwidth="1.6", tooltip=tooltip)  # fmt: skip
        elif box.look == "op":
            hue = theme.carried if role in self.template.belt else theme.gated if role == "show" else theme.ink
            node(self.dot, name, self.place(part), DISC, box.text, shape="circle", color=hue, penwidth="1.8",
                 fontsize="15" if len(box.text) == 1 else "8.5", tooltip=tooltip)  # fmt: skip
        elif box.look == "product":
            text = box.text.format(t=subscript(t), p=subscript(t - 1))
            node(self.dot, name, self.place(part), PRODUCT, text, style="rounded,filled", color=theme.weights,
                 fontsize="10", tooltip=tooltip)  # fmt: skip
        else:
            node(self.dot, name, self.place(part), INPUT, self.sign(role, t), style="rounded,filled",
                 color=theme.weights, fillcolor=theme.filled(theme.weights), tooltip=tooltip)  # fmt: skip

    def derivative(self, t: int) -> None:
        """What the belt is multiplied by at this step, in letters and in numbers."""
        (x, y), theme = self.template.caption, self.theme
        gate = getattr(self.unrolled.chain.steps[t - 1], self.template.gate)
        colour = theme.spoken(theme.carried)
        law = self.template.derivative.format(t=subscript(t), p=subscript(t - 1))
        for name, height, text in (("law", y, law), ("mean", y - 32, f"mean × {number(float(gate.data.mean()))}")):
            label = f'<<FONT POINT-SIZE="10" COLOR="{colour}">{text}</FONT>>'
            node(self.dot, f"{name}_{t}", (self.x(t) + x, height), (130, 16), label, shape="plaintext", style="")

    # Around the steps ------------------------------------------------------------------------------------------------

    def weights(self) -> None:
        """One bar for the weights that all steps share."""
        theme, steps = self.theme, self.unrolled.last
        names = ", ".join(html.escape(name) for name in self.unrolled.parameters.values()) or "weights"
        left, right = 8, self.x(steps + 1) - 16
        said = " one set of weights" + (", used at every step" if steps > 1 else "")
        long = f": ∂L/∂W = Σ<SUB>t</SUB> δ<SUB>t</SUB> x<SUB>t</SUB>ᵀ ({in_words(steps)} arrows add up)"
        if self.flow and steps > 1 and right - left > 700:
            said += long
        label = f'<<B>{names}</B>&#160;&#160;<FONT COLOR="{theme.quiet}">{said}</FONT>>'
        middle = ((left + right) / 2, self.template.bottom + BAR_Y)
        node(self.dot, "weights", middle, (right - left, BAR_HEIGHT), label, style="rounded,filled",
             color=theme.weights, fillcolor=theme.filled(theme.weights), penwidth="1.3",
             tooltip="the cell's parameters, the same at every step")  # fmt: skip

    def outside(self) -> None:
        """The loss: a pill at the end, and a small one wherever something outside reads an earlier state."""
        theme, last = self.theme, self.unrolled.last
        look = {"style": "rounded,filled", "color": theme.loss, "fillcolor": theme.loss, "fontcolor": theme.on_loss}
        for line in self.unrolled.lines:
            (name, t), (role, _) = line.source, line.target
            if role == OUTSIDE and t < last:
                x, y = self.template.asides[name]
                size = (26, 20) if not self.layer else (56, 20)
                node(self.dot, f"loss_{name}_{t}", (self.x(t) + x, y), size, self.layer or "L", fontsize="10", **look)
        if self.flow is None:
            return
        value = "L" if self.flow.loss is None else f"<<B>L</B> = {number(self.flow.loss)}>"
        height = self.template.boxes["h"].y
        node(self.dot, f"loss_{last}", (self.x(last + 1) + 44, height), (80, 36), value, fontsize="12", **look)
        if self.layer:
            above = f'<<FONT POINT-SIZE="10" COLOR="{theme.quiet}">by way of {self.layer}</FONT>>'
            node(
                self.dot, "by_way", (self.x(last + 1) + 44, height - 28), (100, 14), above, shape="plaintext", style=""
            )

    def split(self) -> None:
        """How the gradient of the first state came, as a bar."""
        if self.flow is None or self.flow.split is None:
            return
        theme, split = self.theme, self.flow.split
        right, top = self.x(split.t + 1) - 28, self.template.top
        cells = [(theme.carried, split.carried), (theme.gated, split.gated)]
        widths = [(hue, round(136 * min(max(part, 0), 1))) for hue, part in cells]
        bar = "".join(
            f'<TD BGCOLOR="{hue}" WIDTH="{width}" HEIGHT="7" FIXEDSIZE="TRUE"></TD>' for hue, width in widths if width
        )
        table = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{bar}</TR></TABLE>>'
        ways = ("came along C", "along h") if self.lstm else ("carried", "through the gates")
        parts = [
            f'<FONT COLOR="{theme.spoken(hue)}"><B>{percent(part)}</B></FONT> {way}'
            for (hue, part), way in zip(cells, ways, strict=True)
        ]
        against = ", against it" if min(split.carried, split.gated) < -0.005 else ""
        text = f"∂L/∂{self.sign(split.state, split.t)}: {parts[0]}, {parts[1]}{against}"
        wide = width_of_text(re.sub("<.*?>", "", text), 10)
        middle = right - max(wide, 136) / 2
        label = f'<<FONT POINT-SIZE="10" COLOR="{theme.quiet}">{text}</FONT>>'
        told = "the part of the gradient that never crossed from h into a gate, projected on the whole; the parts sum to 100%"
        node(self.dot, "split_bar", (middle, top - 14), (140, 8), table, shape="plaintext", style="", tooltip=told)
        node(self.dot, "split_text", (middle, top - 28), (wide, 16), label, shape="plaintext", style="", tooltip=told)

    # Lines -----------------------------------------------------------------------------------------------------------

    def line(self, line: Line) -> None:
        """One line: towards the source where a gradient went along it, towards the reader where none did."""
        theme = self.theme
        ends = self.ends(line)
        if ends is None:
            return
        route = self.flow.routes[line] if self.flow else "forward"
        if self.flow and line in self.flow.norms:
            size = self.flow.norms[line]
            width = width_of(size)
            look = {
                "dir": "back", "arrowtail": "normal", "arrowsize": f"{0.95 / math.sqrt(width):.2f}",
                "color": getattr(theme, route), "style": "dashed" if route == "gated" else "solid",
            }  # fmt: skip
            told = f"{self.named(line.target)} to {self.named(line.source)}: ‖∇‖ {number(size)}"
        else:
            width = 1.1
            look = {"arrowhead": "vee", "arrowsize": "0.6", "color": theme.forward, "style": "solid"}
            told = f"{self.named(line.source)} to {self.named(line.target)}" + (": no gradient" if self.flow else "")
            if self.flow is None and {line.source[0], line.target[0]} <= set(self.template.belt):
                width, look["color"] = 2.6, theme.carried
            elif self.flow is None and (line.crosses or line.target[0] in self.template.made_in):
                width, look["color"], look["style"] = 2.0, theme.gated, "dashed"
        reads = [f"{self.unrolled.graph.vertices[edge.target].op}.{edge.name} {edge.shape}" for edge in line.edges]
        self.dot.edge(
            *ends, penwidth=f"{width:.2f}", id="-".join(end.split(":")[0] for end in ends),
            edgetooltip=printable("; ".join([told, *reads])), **{"class": route}, **look,
        )  # fmt: skip

    def ends(self, line: Line) -> tuple[str, str] | None:
        """The names of the two nodes, with ports where a fan of lines would touch its neighbours."""
        (source, t), (target, u) = line.source, line.target
        if target == OUTSIDE:
            if u == self.unrolled.last:
                return (f"{source}_{t}", f"loss_{t}") if self.flow else None
            return f"{source}_{t}", f"loss_{source}_{t}"
        if source == WEIGHTS:
            foot = f"weights_{target}_{u}"
            place = (self.place((target, u))[0], self.template.bottom + BAR_Y + BAR_HEIGHT / 2)
            node(self.dot, foot, place, (1, 1), "", shape="point", style="invis")
            return foot, f"{target}_{u}"
        looks = self.template.boxes[source].look, self.template.boxes[target].look
        if looks[0] == "product" and looks[1] in ("gate", "candidate"):
            return f"{source}_{t}:e", f"{target}_{u}:w"
        return f"{source}_{t}", f"{target}_{u}"

    # What hovering tells ---------------------------------------------------------------------------------------------

    def named(self, part: Part) -> str:
        """A part in words, for a tooltip."""
        role, t = part
        if role in (OUTSIDE, WEIGHTS):
            return "the loss" if role == OUTSIDE else ", ".join(self.unrolled.parameters.values())
        box = self.template.boxes[role]
        return self.sign(role, t) if not box.text else box.text.format(t=subscript(t), p=subscript(t - 1))

    def told(self, role: str, t: int) -> str:
        """Value, shape and the lines of the cell's source that computed a part."""
        lines = []
        step = self.unrolled.chain.steps[t - 1] if t else self.unrolled.chain.initial
        if role in step.named:
            tensor = step.named[role]
            data = tensor.data
            spread = f"mean {number(float(data.mean()))}, {number(float(data.min()))} to {number(float(data.max()))}"
            lines.append(f"{self.sign(role, t)} {tensor.shape} {tensor.dtype}: {spread}")
        maker = self.template.made_in.get(role, role)
        places: dict[str, str] = {}
        for vertex in self.unrolled.parts.get((maker, t), ()):
            place = self.unrolled.graph.vertices[vertex].place
            code = linecache.getline(place.file, place.line).split("#")[0].strip()
            places[f"{Path(place.file).name}:{place.line}"] = code
        lines += [f"{where}  {code}" for where, code in places.items()]
        return "\n".join(printable(line) for line in lines) or self.sign(role, t)

    # The header ------------------------------------------------------------------------------------------------------

    def legend(self, title: str) -> None:
        """Title, how to read the picture, and the scale of its lines."""
        theme, template = self.theme, self.template
        if self.flow:
            guide = (
                "Values run left to right, gradients right to left. "
                "A line is as wide as the log of the gradient that went along it."
            )
            ways = [Entry(template.carried, theme.carried, "solid", 4)] if template.belt else []
            ways += [
                Entry(template.gated, theme.gated, "dashed", 3),
                Entry("into the shared weights", theme.weights, "solid", 3),
                Entry("no gradient", theme.forward, "solid", 1.1, forward=True),
            ]
            scale = [Entry(f"‖∇‖ {size}", theme.ink, "solid", width_of(float(size))) for size in ("0.03", "0.3", "3")]
            scale.append(Entry(f"width {WIDTH_FORMULA} points, within 0.8 to 6.5", theme.ink, "none", 0))
            legend = [ways, scale]
        else:
            guide = "Values run left to right."
            ways = [Entry(template.carried.split(":")[0], theme.carried, "solid", 2.6, forward=True)]
            legend = [
                ways[: len(template.belt)] + [Entry("the hidden state", theme.gated, "dashed", 2.0, forward=True)]
            ]
        right = self.x(self.unrolled.last + 1) + (84 if self.flow else 0)
        header(self.dot, theme, -93, max(right, 560), template.top, title, guide, legend)
