"""The cell view: every part of every step pinned in its place, lines as wide as the gradient that went along them."""

from __future__ import annotations

import html
import math
import re

from viz.gradients import Flow
from viz.header import Entry, header
from viz.hover import sign, told_line, told_part, words_of
from viz.pinned import canvas, left_aligned, node, width_of_text
from viz.roles import OUTSIDE, WEIGHTS, Line, Unrolled
from viz.style import WIDTH_FORMULA, Theme, in_words, letter, number, percent, subscript, width_of
from viz.templates import Box

PILL, GATE, PRODUCT, DISC, INPUT = (68, 42), (78, 30), (108, 48), (28, 28), (32, 23)  # sizes in points
START_X, LOSS_X = -62, 44  # the middle of a state before the first step, and of the loss after the last
BAR_Y, BAR_HEIGHT = -47, 30  # of the weights, below a template's bottom
SPLIT_TOLD = "what never crossed from h into a gate, projected on the whole, and the rest: together 100%"


def cell_view(unrolled: Unrolled, flow: Flow | None, theme: Theme, title: str, layer: str = "") -> str:
    """DOT text of an unrolled cell: with a flow its lines are the gradients, without one the values' way.

    ``layer`` names the layer through which the loss reads this one, if it is not the top.
    """
    view = _CellView(unrolled, flow, theme, layer)
    steps = range(1, unrolled.last + 1)
    for t in steps:
        view.panel(t)
    for name in unrolled.template.made_in:
        view.pill(name, 0)
    for t in steps:
        for role, box in unrolled.template.boxes.items():
            view.box(role, box, t)
        view.derivative(t)
    view.weights()
    view.loss()
    for line in unrolled.lines:
        view.line(line)
    view.split()
    view.legend(title)
    return str(view.dot.source)


class _CellView:
    """A picture being drawn: every method adds one kind of thing to it."""

    def __init__(self, unrolled: Unrolled, flow: Flow | None, theme: Theme, layer: str) -> None:
        self.unrolled, self.flow, self.theme, self.layer = unrolled, flow, theme, layer
        self.template = unrolled.template
        self.lstm = self.template.cell == "LSTM"
        self.dot = canvas("cell", theme)

    def x(self, t: int) -> float:
        """Where step t begins."""
        return (t - 1) * self.template.pitch

    def place(self, role: str, t: int) -> tuple[float, float]:
        """The middle of a box."""
        box = self.template.boxes[role]
        return (self.x(t) + box.x if t else START_X), box.y

    def small(self, text: str, colour: str) -> str:
        """Small text as markup."""
        return f'<FONT POINT-SIZE="12" COLOR="{colour}">{text}</FONT>'

    # Parts of a step

    def panel(self, t: int) -> None:
        """The step's background, with what the step adds to the gradient of the weights."""
        theme, template, left = self.theme, self.template, self.x(t)
        with self.dot.subgraph(name=f"cluster_{t}") as panel:
            panel.attr(
                style="rounded,filled", fillcolor=theme.panel, color=theme.frame, label="", id=f"step_{t}",
                tooltip=f"t = {t}",
                bb=f"{left + 8:g},{template.bottom},{left + template.pitch - 16:g},{template.top}",
            )  # fmt: skip
        caption = f'<FONT POINT-SIZE="14" COLOR="{theme.quiet}"><B>t = {t}</B></FONT>'
        if self.flow and t in self.flow.weights:
            caption += self.small(f"&#160;&#160;&#160;adds ‖∂L/∂W‖ {number(self.flow.weights[t])}", theme.quiet)
        left_aligned(self.dot, f"caption_{t}", left + 22, template.top - 15, 170, caption)

    def pill(self, name: str, t: int) -> None:
        """A state, with the norm of its gradient."""
        theme, tensor = self.theme, self.unrolled.state(name, t)
        hue = theme.carried if name == "c" else theme.gated
        if self.flow is None:
            note = str(tensor.shape)
        elif (name, t) in self.flow.states:
            note = f"‖∇‖ {number(self.flow.states[name, t])}"
        else:
            note = "no gradient" if tensor.requires_grad else "constant"
        label = (
            f'<<FONT POINT-SIZE="15"><B>{sign(self.unrolled, name, t)}</B></FONT><BR/>'
            f'<FONT POINT-SIZE="11" COLOR="{theme.quiet}">{note}</FONT>>'
        )
        node(
            self.dot, f"{name}_{t}", self.place(name, t), PILL, label, style="rounded,filled", penwidth="2.2",
            color=hue, fillcolor=theme.filled(hue), tooltip=told_part(self.unrolled, name, t),
        )  # fmt: skip

    def box(self, role: str, box: Box, t: int) -> None:
        """Any box of the template."""
        theme = self.theme
        if box.look == "state":
            self.pill(role, t)
            return
        text = words_of(self.unrolled, role, t) or sign(self.unrolled, role, t)
        if box.look == "op":
            hue = theme.carried if role in self.template.belt else theme.ink
            size = DISC
            look = {"shape": "circle", "penwidth": "1.8", "fontsize": "15" if len(text) == 1 else "8.5"}
        elif box.look == "product":
            text = self.fan(role, text)
            hue, size, look = theme.weights, PRODUCT, {"style": "rounded,filled", "fontsize": "11.5"}
        elif box.look == "input":
            hue, size = theme.weights, INPUT
            look = {"style": "rounded,filled", "fillcolor": theme.filled(hue)}
        else:
            hue, size = (theme.gate if box.look == "gate" else theme.candidate), GATE
            look = {"penwidth": "1.6", "fillcolor": theme.filled(hue)}
            name = f"<B>{letter(role, self.lstm)}</B>"
            name = f"<I>{name}</I>" if role == letter(role, self.lstm) else name  # C̃ upright: slanted, the tilde slips
            text = f'<{name}{subscript(t)}&#160;<FONT POINT-SIZE="11" COLOR="{theme.spoken(hue)}">{box.note}</FONT>>'
        told = told_part(self.unrolled, role, t)
        node(self.dot, f"{role}_{t}", self.place(role, t), size, text, color=hue, tooltip=told, **look)

    def fan(self, role: str, text: str) -> str:
        """A product's label, with a port at the right for each gate that reads it, so that no two arrows meet."""
        boxes, height = self.template.boxes, self.template.boxes[role].y
        gates = [(name, box.y) for name, box in boxes.items() if box.look in ("gate", "candidate")]
        above = sorted((gate for gate in gates if gate[1] > height), key=lambda gate: gate[1])
        level = [name for name, y in gates if y == height]
        below = sorted((gate for gate in gates if gate[1] < height), key=lambda gate: -gate[1])
        rows = max(len(above), len(below))
        upper = [""] * (rows - len(above)) + [name for name, _ in reversed(above)]
        lower = [name for name, _ in below] + [""] * (rows - len(below))
        ports = [*upper, level[0] if level else "", *lower]
        named = [f' PORT="{name}"' if name else "" for name in ports]
        cells = [f'<TD{port} WIDTH="2" HEIGHT="6"></TD>' for port in named]
        first = f'<TR><TD ROWSPAN="{len(ports)}" WIDTH="104">{text}</TD>{cells[0]}</TR>'
        rest = "".join(f"<TR>{cell}</TR>" for cell in cells[1:])
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{first}{rest}</TABLE>>'

    def derivative(self, t: int) -> None:
        """What the belt is multiplied by at this step, in letters and in numbers."""
        template, colour = self.template, self.theme.spoken(self.theme.carried)
        if not template.belt:
            return
        x, y = self.x(t) + template.caption[0], template.caption[1]
        gate = getattr(self.unrolled.chain.steps[t - 1], template.gate)
        law = template.derivative.format(t=subscript(t), p=subscript(t - 1))
        mean = f"mean × {number(float(gate.data.mean()))}"
        for name, height, text in (("law", y, law), ("mean", y - 32, mean)):
            label = f"<{self.small(text, colour)}>"
            node(self.dot, f"{name}_{t}", (x, height), (130, 16), label, shape="plaintext", style="")

    # Around the steps

    def weights(self) -> None:
        """One bar for the weights that all steps share."""
        theme, steps = self.theme, self.unrolled.last
        names = ", ".join(html.escape(name) for name in self.unrolled.parameters.values())
        left, right = 8, self.x(steps + 1) - 16
        said = "one set of weights" + (", used at every step" if steps > 1 else "")
        arrows = len(self.flow.weights) if self.flow else 0
        if arrows > 1:
            said += f": ∂L/∂W is the sum of the {in_words(arrows)} arrows"
        node(
            self.dot, "weights", ((left + right) / 2, self.template.bottom + BAR_Y), (right - left, BAR_HEIGHT),
            f'<<B>{names}</B>&#160;&#160;&#160;<FONT COLOR="{theme.quiet}">{said}</FONT>>', style="rounded,filled",
            color=theme.weights, fillcolor=theme.filled(theme.weights), tooltip="the cell's parameters",
        )  # fmt: skip

    def loss(self) -> None:
        """The loss: a pill at the end, and a small one wherever something outside reads an earlier state."""
        theme, last = self.theme, self.unrolled.last
        look = {"style": "rounded,filled", "color": theme.loss, "fillcolor": theme.loss, "fontcolor": theme.on_loss}
        for line in self.unrolled.lines:
            name, t = line.source
            if line.target[0] == OUTSIDE and t < last:
                x, y = self.template.asides[name]
                size = (56 if self.layer else 26, 20)
                node(self.dot, f"loss_{name}_{t}", (self.x(t) + x, y), size, self.layer or "L", fontsize="10", **look)
        if self.flow:
            x, y = self.x(last + 1) + LOSS_X, self.template.boxes["h"].y
            value = "L" if self.flow.loss is None else f"<<B>L</B> = {number(self.flow.loss)}>"
            node(self.dot, f"loss_{last}", (x, y), (80, 36), value, **look)
            if self.layer:
                way = f"<{self.small(f'by way of {self.layer}', theme.quiet)}>"
                node(self.dot, "by_way", (x, y - 28), (100, 14), way, shape="plaintext", style="")

    def split(self) -> None:
        """How the gradient of the first state came, as a bar of two parts."""
        if self.flow is None or self.flow.split is None:
            return
        theme, split = self.theme, self.flow.split
        state = sign(self.unrolled, split.state, split.t)
        if not split.told:
            self.split_text(f"∂L/∂{state}:&#160;not finite, so no shares")
            return
        ways = ("came along C", "along h") if self.lstm else ("carried", "through the gates")
        parts = list(zip((theme.carried, theme.gated), (split.carried, split.gated), ways, strict=True))
        widths = [(hue, round(136 * min(max(part, 0), 1))) for hue, part, _ in parts]
        cells = [
            f'<TD BGCOLOR="{hue}" WIDTH="{width}" HEIGHT="7" FIXEDSIZE="TRUE"></TD>' for hue, width in widths if width
        ]
        bar = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{"".join(cells)}</TR></TABLE>>'
        said = ",&#160;".join(  # a plain space before bold is lost in browsers
            f'<FONT COLOR="{theme.spoken(hue)}"><B>{percent(part)}</B></FONT> {way}' for hue, part, way in parts
        )
        x = self.split_text(f"∂L/∂{state}:&#160;{said}{', against it' if split.opposed else ''}")
        look = {"shape": "plaintext", "style": "", "tooltip": SPLIT_TOLD}
        node(self.dot, "split_bar", (x, self.template.top - 15), (140, 8), bar, **look)

    def split_text(self, text: str) -> float:
        """What is said of the first state's gradient, at the right of the first panel; returns its middle."""
        width = width_of_text(html.unescape(re.sub("<.*?>", "", text)), 11)
        x = self.x(2) - 28 - max(width, 136) / 2
        node(
            self.dot, "split_text", (x, self.template.top - 32), (width, 15),
            f"<{self.small(text, self.theme.quiet)}>", shape="plaintext", style="", tooltip=SPLIT_TOLD,
        )  # fmt: skip
        return x

    # Lines

    def line(self, line: Line) -> None:
        """One line: towards the source where a gradient went along it, towards the reader where none did."""
        ends = self.ends(line)
        if ends is None:
            return
        theme, size = self.theme, self.flow.norms.get(line) if self.flow else None
        route = self.flow.routes[line] if self.flow else "forward"
        if size is not None:
            width = width_of(size)
            look = {
                "dir": "back", "arrowtail": "normal", "arrowsize": f"{0.95 / math.sqrt(width):.2f}",
                "color": getattr(theme, route), "style": "dashed" if route == "gated" else "solid",
            }  # fmt: skip
        else:
            width = 1.1
            look = {"arrowhead": "vee", "arrowsize": "0.6", "color": theme.forward}
            if self.flow is None and {line.source[0], line.target[0]} <= set(self.template.belt):
                width, look["color"] = 2.6, theme.carried
            elif self.flow is None and (line.crosses or not line.edges):
                width, look["color"], look["style"] = 2.0, theme.gated, "dashed"
        name = "-".join(end.split(":")[0] for end in ends)
        told = told_line(self.unrolled, line, size)
        self.dot.edge(*ends, penwidth=f"{width:.2f}", id=name, edgetooltip=told, **{"class": route}, **look)

    def ends(self, line: Line) -> tuple[str, str] | None:
        """The names of its two nodes, with ports where a fan of lines would touch its neighbours; None if not drawn."""
        (source, t), (target, u) = line.source, line.target
        if target == OUTSIDE:
            if u < self.unrolled.last:
                return f"{source}_{t}", f"loss_{source}_{t}"
            return (f"{source}_{t}", f"loss_{t}") if self.flow else None
        if source == WEIGHTS:
            foot = f"weights_{target}_{u}"
            place = self.place(target, u)[0], self.template.bottom + BAR_Y + BAR_HEIGHT / 2
            node(self.dot, foot, place, (1, 1), "", shape="point", style="invis")
            return foot, f"{target}_{u}"
        fans = self.template.boxes[source].look == "product" and self.template.boxes[target].look in (
            "gate",
            "candidate",
        )
        return (f"{source}_{t}:{target}:e", f"{target}_{u}:w") if fans else (f"{source}_{t}", f"{target}_{u}")

    # The header

    def legend(self, title: str) -> None:
        """Title, how to read the picture, and the scale of its lines."""
        theme, template = self.theme, self.template
        if self.flow:
            guide = "Values run left to right, gradients right to left. "
            guide += "A line is as wide as the log of the gradient that went along it."
            ways = [Entry(template.carried, theme.carried, "solid", 4)] if template.belt else []
            gated = template.gated
            if not template.belt:  # an RNN's one way is through whatever it squashes with
                gated = gated.replace("tanh", words_of(self.unrolled, "squash", 1))
            ways += [
                Entry(gated, theme.gated, "dashed", 3),
                Entry("into the shared weights", theme.weights, "solid", 3),
                Entry("no gradient", theme.forward, "solid", 1.1, forward=True),
            ]
            scale = [Entry(f"‖∇‖ {size}", theme.ink, "solid", width_of(float(size))) for size in ("0.03", "0.3", "3")]
            scale.append(Entry(f"width {WIDTH_FORMULA} points, within 0.8 to 6.5", theme.ink, "none", 0))
            rows = [ways, scale]
        else:
            guide = "Values run left to right."
            belt = template.carried.split(":")[0]
            ways = [Entry(belt, theme.carried, "solid", 2.6, forward=True)] if template.belt else []
            rows = [[*ways, Entry("the hidden state", theme.gated, "dashed", 2.0, forward=True)]]
        if self.unrolled.elsewhere:
            unseen = ", ".join(sign(self.unrolled, *part) for part in self.unrolled.elsewhere)
            guide += f" Read from outside as well, which is not drawn: {unseen}."
        right = self.x(self.unrolled.last + 1) + (LOSS_X + 40 if self.flow else 0)
        header(self.dot, theme, START_X - PILL[0] / 2, max(right, 560), template.top, title, guide, rows)
