"""Which vertex of the graph is which part of the cell: a step's named tensors are fixed points, reads place the rest.

A computation between the named ones is known by what it reads: the one that reads f and the previous c is f ⊙ C. So
the parts are found by the graph's structure, not by the names or the number of a cell's operations. Of a cell
that no template fits every operation is a part of its own (``viz.diagram.derived``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import TypeAlias

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.cellgraph import PARAMETERS, CellGraph, Link, NoCellViewError, NodeKey, NothingRecordedError, OutputKey
from viz.diagram.derived import derived_template
from viz.diagram.masks import with_masks
from viz.diagram.names import classes
from viz.diagram.surroundings import named_weights, outside
from viz.diagram.templates import PREACTIVATION, TEMPLATES, Template

Begins: TypeAlias = Callable[[GraphEdge], NodeKey | None]  # what an edge reads of a step's beginning
LEAVES = ("constant", "input")
NOTHING = "step t={} was made under no_grad, or of what needs no gradient: nothing was recorded to draw"


def match_chain(graph: tg.Graph, chain: nn.Chain, above: Iterable[nn.Chain] = (), ups: int = 0) -> CellGraph:
    """Find every part of every step of a chain in the graph: by its template, or each operation as its own part.

    ``above`` are the chains that may read this one's output, ``ups`` how many of one layer do. Raises NoCellViewError
    where the steps do not all compute the same, so that no one picture fits them; NothingRecordedError where one was
    made under no_grad.
    """
    cell: object = chain.cell
    while isinstance(inner := getattr(cell, "cell", None), nn.Cell):  # a wrapper that changes weights, not equations
        cell = inner
    kinds = [kind.__name__ for kind in type(cell).__mro__]
    template = next((TEMPLATES[name] for name in kinds if name in TEMPLATES), None)
    if template is not None:
        try:
            return _Matcher(graph, chain, template, ups).match(above)
        except NoCellViewError:  # a subclass that computes something more
            pass
    return _Matcher(graph, chain, None, ups).match(above)


class _Matcher:
    """Goes through the steps in time and sorts the graph's edges into lines of the picture."""

    def __init__(self, graph: tg.Graph, chain: nn.Chain, template: Template | None, ups: int) -> None:
        self.graph, self.chain, self.ups, self.own = graph, chain, ups, template is None
        self.parameters = named_weights(graph, chain.cell)
        self.links: dict[tuple[NodeKey, NodeKey], list[GraphEdge]] = {}
        self.parts: dict[NodeKey, list[int]] = {}
        self.structure: dict[int, object] = {}
        self.cut: set[int] = set()  # constants that were cut off from what made them
        self.cuts: dict[NodeKey, None] = {}
        self.held: dict[NodeKey, int] = {}  # a state that a mask chose -> the vertex of its new value
        self.into: dict[int, list[GraphEdge]] = {}
        for edge in graph.edges:
            self.into.setdefault(edge.reader, []).append(edge)
        self.ordered = chain.steps[::-1] if chain.reverse else chain.steps
        start = len(chain.steps) + 1 if chain.reverse else 0
        earlier = [(chain.initial, start), *((step, step.t) for step in self.ordered)]
        self.before = {step.t: before for step, before in zip(self.ordered, earlier, strict=False)}
        self._find_masks()
        self.carried = self._find_carried()
        self.masked = tuple(dict.fromkeys(name for name, _ in self.held))
        self.template = with_masks(template, self.masked) if template else self._derive_template()

    def match(self, above: Iterable[nn.Chain]) -> CellGraph:
        """All of it."""
        for step in self.ordered:
            self._take_step(step)
        made_in = self.template.made_in
        states = {self._value(step.named[name]): (name, step.t) for step in self.ordered for name in made_in}
        states |= {(vertex, 0): (made_in[name], t) for (name, t), vertex in self.held.items()}
        where = {vertex: part for part, vertices in self.parts.items() for vertex in vertices}
        links, elsewhere = outside(self.graph, states, where, above)
        self.links |= links
        return CellGraph(
            template=self.template, chain=self.chain, graph=self.graph, parameters=self.parameters,
            links=tuple(Link(*ends, tuple(edges), classes(self.graph, edges)) for ends, edges in self.links.items()),
            parts={part: tuple(vertices) for part, vertices in self.parts.items()},
            elsewhere=elsewhere, cuts=tuple(self.cuts), structure=self.structure,
            masked=frozenset(t for _, t in self.held),
        )  # fmt: skip

    def _value(self, tensor: tg.Tensor) -> OutputKey:
        return self.graph.id_of(tensor), tensor.source.index

    def _find_masks(self) -> None:
        """The states that ``nn.unroll`` chose by a mask: where(mask, new, old)."""
        for step in self.ordered:
            before, _ = self.before[step.t]
            for name in self.chain.cell.states:
                vertex = self.graph.id_of(step.named[name])
                reads = self.into.get(vertex, [])
                old = [edge for edge in reads if (edge.source, edge.index) == self._value(before.named[name])]
                inner = self.graph.vertices[vertex].steps[-1:]
                if len(reads) == 2 and old and inner == (step.t,):  # made by the loop over time, not inside the cell
                    (self.held[name, step.t],) = (edge.source for edge in reads if edge not in old)

    def _find_carried(self) -> tuple[str, ...]:
        """The states that an operation of the cell carries on: those read under the tag "carry", masks apart."""
        states = self.chain.cell.states
        masks = {self.graph.id_of(self.chain.steps[t - 1].named[name]) for name, t in self.held}
        which: dict[OutputKey, list[str]] = {}
        for before, _ in self.before.values():
            for name in states:
                which.setdefault(self._value(before.named[name]), []).append(name)
        reads = [edge for edge in self.graph.edges if edge.tag == "carry" and edge.reader not in masks]
        named = [names for edge in reads if (names := which.get((edge.source, edge.index)))]
        sure = {names[0] for names in named if len({*names}) == 1}
        found = sure or {name for names in named for name in names}  # of states that started as one tensor
        return tuple(name for name in states if name in found)

    def _derive_template(self) -> Template:
        """A template of this cell's own operations, as the step that records most of them has them."""
        states, carried = self.chain.cell.states, self.carried

        def operations(step: nn.Step) -> tuple[list[int], dict[str, int], Begins]:
            t, names, begins = self._find_beginning(step, states)
            made = {name: self.held.get((name, t), self.graph.id_of(step.named[name])) for name in states}
            return sorted(self._find_operations(names, begins, t)), made, begins

        inside, made, begins = max(map(operations, self.ordered), key=lambda found: len(found[0]))
        free = (name for k in count() if (name := f"op{k}") not in states)
        role = dict(zip(inside, free, strict=False))
        reads = {role[v]: [word for e in self.into.get(v, ()) if (word := _read(begins(e), role, e))] for v in inside}
        kinds = [vertex.kind for vertex in self.graph.vertices]
        weighted = [role[v] for v in inside if any(begins(e) is None and e.source not in role and
                    kinds[e.source] not in LEAVES for e in self.into.get(v, ()))]  # fmt: skip
        vertices = {role[vertex]: self.graph.vertices[vertex] for vertex in inside}
        if any(vertex not in role for vertex in made.values()):  # a state that the step did not compute
            raise NothingRecordedError(NOTHING.format(self.ordered[-1].t))
        made_in = {state: role[vertex] for state, vertex in made.items()}
        belts: dict[str, str] = {}  # a state -> the operation that carries it on; C first, as in an LSTM
        for vertex in inside:
            for edge in self.into.get(vertex, ()):
                if edge.tag == "carry" and (part := begins(edge)):
                    belts.setdefault(part[0], role[vertex])
        belts = {name: belts[name] for name in sorted(carried, key=lambda name: name != "c") if name in belts}
        self.operations = {name: (vertex.op, vertex.label, reads[name]) for name, vertex in vertices.items()}
        return derived_template(vertices, reads, weighted, made_in, belts, self.masked, states[0], self.ups)

    def _find_beginning(self, step: nn.Step, letters: Iterable[str]) -> tuple[int, dict[int, str], Begins]:
        """Of a step: its t, its named vertices, and what an edge reads of its beginning, x or a previous state."""
        t, (before, earlier) = step.t, self.before[step.t]
        names = {self.held.get((name, t), self.graph.id_of(step.named[name])): name for name in letters if name != "x"}
        start: dict[OutputKey, list[str]] = {}
        for name in self.chain.cell.states:
            start.setdefault(self._value(before.named[name]), []).append(name)
        x = self._value(step.named["x"]) if "x" in step.named else None

        def begins(edge: GraphEdge) -> NodeKey | None:
            value = edge.source, edge.index
            if value == x:
                return "x", t
            if value not in start:
                return None
            which = start[value]  # the tag distinguishes two states that started as one tensor
            carried = [name for name in which if name in self.carried] if edge.tag == "carry" else []
            return (carried or which)[0], earlier

        return t, names, begins

    def _take_step(self, step: nn.Step) -> None:
        """Find the parts of one step and the lines into and between them."""
        template = self.template
        missing = [name for name in template.letters if name not in step.named and name != "x"]
        if missing:
            raise NoCellViewError(f"step t={step.t} has no {', '.join(missing)}, which its template draws")
        if any(self.graph.vertices[self.graph.id_of(step.named[name])].kind in LEAVES for name in template.made_in):
            raise NothingRecordedError(NOTHING.format(step.t))
        t, names, begins = self._find_beginning(step, template.letters)
        inside = self._find_operations(names, begins, t)
        box = self._own_boxes(inside, begins, t) if self.own else self._boxes(inside, names, begins, t)
        for name, maker in template.made_in.items():
            if (name, t) in self.held:
                hold = self.graph.id_of(step.named[name])
                inside.add(hold)
                maker = box[hold] = f"hold_{name}"
            elif self.own:
                maker = box[self.graph.id_of(step.named[name])]
            self.links[(maker, t), (name, t)] = []
        computed = []
        for vertex in sorted(inside):
            self.parts.setdefault((box[vertex], t), []).append(vertex)
            reads = []
            for edge in self.into.get(vertex, ()):
                source = begins(edge)
                if source is None and edge.source in inside:
                    letter = names.get(edge.source)
                    pill = letter not in self.masked if self.own else (letter, t) not in self.held
                    source = (letter if pill and letter else box[edge.source]), t
                if source is None and edge.source in self.cut:
                    self.cuts[box[vertex], t] = None
                if source is None and self.graph.vertices[edge.source].kind in LEAVES:
                    continue
                source = source or (PARAMETERS, t)
                reads.append((source[0], source[1] - t, edge.name, edge.tag, edge.shape))
                if source != (box[vertex], t):
                    self.links.setdefault((source, (box[vertex], t)), []).append(edge)
            computed.append((box[vertex], self.graph.vertices[vertex].op, tuple(reads)))
        self.structure[t] = tuple(computed)

    def _own_boxes(self, inside: set[int], begins: Begins, t: int) -> dict[int, str]:
        """Of a cell without a template: each operation by its name and what it reads.

        A step that starts from constants records fewer operations than the others, and fewer of their reads.
        """
        free, found = dict(self.operations), dict[int, str]()
        for vertex in sorted(inside):
            made = self.graph.vertices[vertex]
            reads = {_read(begins(edge), found, edge) for edge in self.into.get(vertex, ())} - {""}
            alike = [
                (reads != {*wanted}, role)
                for role, (op, label, wanted) in free.items()
                if (op, label) == (made.op, made.label) and reads <= {*wanted}
            ]
            if not alike:
                raise NoCellViewError(f"step t={t} computes something else than the others, so no one picture fits all")
            _, found[vertex] = min(alike, key=lambda one: one[0])
            del free[found[vertex]]
        return found

    def _boxes(self, inside: set[int], names: Mapping[int, str], begins: Begins, t: int) -> dict[int, str]:
        """The box of each vertex of a step: by its name, by the gate it is only for, or by what it reads."""
        template, reads = self.template, self._reads(inside, names, begins)
        readers: dict[int, list[int]] = {}
        for vertex in inside:
            for edge in self.into.get(vertex, ()):
                readers.setdefault(edge.source, []).append(vertex)
        box: dict[int, str] = {}
        for vertex in sorted(inside, reverse=True):
            if vertex in names:
                box[vertex] = template.made_in.get(names[vertex], names[vertex])
                continue
            read_by = {box[reader] for reader in readers.get(vertex, ())}
            gate = next(iter(read_by)) if len(read_by) == 1 else ""
            of_gate = gate in template.boxes and template.boxes[gate].look in ("gate", "candidate")
            early = bool(reads[vertex]) and reads[vertex] <= {"x", "h-", "c", "c-"}
            plain = self.graph.vertices[vertex].op in PREACTIVATION
            if of_gate and early and (not plain or reads[vertex] & {"c", "c-"}):
                box[vertex] = gate  # what a gate does with its preactivation: a peephole, dropout
            else:
                box[vertex] = self._box(vertex, reads[vertex], t)
        return box

    def _reads(self, inside: set[int], names: Mapping[int, str], begins: Begins) -> dict[int, frozenset[str]]:
        """The named things that each vertex of a step reads, through those without a name."""
        reads: dict[int, frozenset[str]] = {}
        for vertex in sorted(inside):
            here: frozenset[str] = frozenset()
            for edge in self.into.get(vertex, ()):
                if begin := begins(edge):
                    here |= {"x" if begin[0] == "x" else f"{begin[0]}-"}
                elif edge.source in inside:
                    here |= {names[edge.source]} if edge.source in names else reads[edge.source]
            reads[vertex] = here
        return reads

    def _find_operations(self, names: Iterable[int], begins: Begins, t: int) -> set[int]:
        """The vertices from the named ones back to the step's beginning and to the weights, both left out."""
        inside: set[int] = set()
        waiting = list(names)
        while waiting:
            vertex = waiting.pop()
            if vertex in inside or vertex in self.parameters:
                continue
            made = self.graph.vertices[vertex]
            if made.step is None:  # made once, before the steps: weights, as they are when a wrapper has changed them
                continue
            if made.kind in LEAVES:
                if "detached" in made.params:
                    self.cut.add(vertex)
                continue
            if made.step != t:
                raise NoCellViewError(
                    f"step t={t} reads {made.label or made.op} of step t={made.step} ({made.place}), for which the "
                    "cell view has no place"
                )
            inside.add(vertex)
            waiting += [edge.source for edge in self.into.get(vertex, ()) if begins(edge) is None]
        return inside

    def _box(self, vertex: int, reads: frozenset[str], t: int) -> str:
        role = self.template.box_of(reads)
        if role is None:
            found = self.graph.vertices[vertex]
            raise NoCellViewError(f"no place for the {found.op} at {found.place} in step t={t}")
        return role


def _read(begin: NodeKey | None, role: Mapping[int, str], edge: GraphEdge) -> str:
    """What an edge reads, in a template's words: a previous state as "c-", x, another box, or "" for what has none."""
    return role.get(edge.source, "") if begin is None else "x" if begin[0] == "x" else f"{begin[0]}-"
