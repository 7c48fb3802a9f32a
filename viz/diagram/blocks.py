"""The op view's graph along time: which nodes stand in one block, and which modules of it are around them.

A block is a time step, or a run of what is made in one module between steps. A module that is called in the middle of a
block is a group of it; a group is what one call made, so that no line leads out of it and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from viz.diagram.collapse import Operation, Quotient
from viz.diagram.names import ScopePath, step_depth

LONGEST = 60  # nodes of a block that is no time step


class Blocks:
    """The block of each node, None for a leaf that several blocks read, and its groups, the outermost first.

    ``order`` has the nodes in the order of computation, ``scopes`` the modules and steps around each block.
    """

    def __init__(self, quotient: Quotient) -> None:
        self.quotient = quotient
        nodes = sorted(quotient.nodes.values(), key=lambda node: node.first.id)
        self.order = {node.id: k for k, node in enumerate(nodes)}
        along = [node.scope[: step_depth(node.scope)] or node.scope for node in nodes if _step_of(node)]
        self._along_time = {path[:k] for path in dict.fromkeys(along) for k in range(len(path) + 1)}
        self._at: dict[str, float] = {}  # of each node in a block, a number that grows from block to block
        self._scope_at: dict[float, ScopePath] = {}
        self.groups: dict[str, tuple[str, ...]] = {node.id: () for node in nodes}
        self._paths: dict[str, ScopePath] = {}  # of each group
        self._place_operations([node for node in nodes if not node.is_leaf])
        for node in nodes:
            if node.is_leaf:
                self._place_leaf(node)
        numbers = {at: k for k, at in enumerate(sorted(self._scope_at))}
        self.of = {node.id: numbers[self._at[node.id]] if node.id in self._at else None for node in nodes}
        self._members: dict[int | None, list[str]] = {}
        for node in nodes:
            self._members.setdefault(self.of[node.id], []).append(node.id)
        self.scopes = {numbers[at]: scope for at, scope in self._scope_at.items()}

    def members(self, node: str) -> list[str]:
        """The nodes of the block that a node is in, in the order of computation."""
        return self._members[self.of[node]]

    def panels(self) -> dict[str, list[int]]:
        """The panels around blocks, each with its blocks: a module that others interrupt has several."""
        return {name: blocks for name, _, blocks in self._runs()}

    def inside(self) -> dict[str, str]:
        """Of each node, each group and each panel around blocks the innermost panel around it, or nothing, ""."""
        around: dict[int, list[tuple[ScopePath, str]]] = {number: [] for number in self.scopes}
        found: dict[str, str] = {}
        for name, path, blocks in self._runs():
            outer = [other for scope, other in around[blocks[0]] if len(scope) < len(path)]
            found[name] = outer[-1] if outer else ""
            for number in blocks:
                around[number].append((path, name))
        for node, block in self.of.items():
            scope, groups = self.quotient.nodes[node].scope, self.groups[node]
            there = around[block] if block is not None else []
            panel = there[-1][1] if there else ""
            for outer_name, name in zip((panel, *groups), groups, strict=False):
                found[name] = outer_name
            own = [name for path, name in there if scope[: len(path)] == path]
            own += [name for name in groups if scope[: len(self._paths[name])] == self._paths[name]]
            found[node] = own[-1] if own else ""
        return found

    def _runs(self) -> Iterator[tuple[str, ScopePath, list[int]]]:
        """Every panel around blocks that follow each other, outer ones first: its name, its scope, its blocks."""
        runs: dict[ScopePath, list[list[int]]] = {}
        for number, scope in sorted(self.scopes.items()):
            for depth in range(1, len(scope) + 1):
                there = runs.setdefault(scope[:depth], [])
                if there and there[-1][-1] == number - 1:
                    there[-1].append(number)
                else:
                    there.append([number])
        for path in sorted(runs, key=len):
            for k, blocks in enumerate(runs[path]):
                yield part_name(self.quotient.clusters[path], k), path, blocks

    def _place_operations(self, nodes: Iterable[Operation]) -> None:
        """A block for each step, and for each run of what is between steps; a group for each call within."""
        at, length, last = -1.0, 0, ScopePath()
        steps: dict[ScopePath, float] = {}
        parts: dict[ScopePath, int] = {}
        open_groups: dict[float, list[tuple[ScopePath, str]]] = {}  # of each block, those of its last node
        for node in nodes:
            outer = self._outer(node.scope)
            if step := _step_of(node):
                here, length = steps.setdefault(step, at + 1), LONGEST
            else:
                new = length >= LONGEST or outer != last
                here, length = (at + 1, 1) if new else (at, length + 1)
            at, last = max(at, here), outer
            self._at[node.id], self._scope_at[here] = here, outer
            before = open_groups.get(here, [])
            now: list[tuple[ScopePath, str]] = []
            for depth in range(len(outer) + 1, len(node.scope) + 1):
                path = node.scope[:depth]
                if len(now) == len(before[: len(now)]) < len(before) and before[len(now)][0] == path:
                    now.append(before[len(now)])
                else:
                    before = []
                    parts[path] = parts.get(path, -1) + 1
                    now.append((path, part_name(self.quotient.clusters[path], parts[path])))
            open_groups[here] = now
            self.groups[node.id] = tuple(name for _, name in now)
            self._paths |= {name: path for path, name in now}

    def _outer(self, scope: ScopePath) -> ScopePath:
        """The part of a path that is around blocks."""
        return next(scope[:k] for k in range(len(scope), -1, -1) if not k or scope[:k] in self._along_time)

    def _place_leaf(self, leaf: Operation) -> None:
        """A leaf stands where it is read; a first state before the first step, or after the last if time runs back."""
        readers = list(dict.fromkeys(link.reader for link in self.quotient.links_from[leaf.id]))
        at = {self._at[reader] for reader in readers}
        if self.quotient.names.is_start(leaf.first) and at:
            outer, first = self._outer(leaf.scope), min(at)
            steps = [here for here, scope in self._scope_at.items() if scope == self._scope_at[first] or
                     scope[:-1] == self._scope_at[first][:-1]]  # fmt: skip
            here = first - 0.5 if first == min(steps) or first != max(steps) else first + 0.5
            self._at[leaf.id], self._scope_at[here] = here, outer
        elif len(at) <= 1:
            (here,) = at or {0.0}
            self._at[leaf.id] = here
            scope = self._scope_at.setdefault(here, self._outer(leaf.scope))
            common = [names[0] for names in zip(*(self.groups[reader] for reader in readers), strict=False)
                      if len(set(names)) == 1]  # fmt: skip
            inner = len(leaf.scope) - len(scope) if leaf.scope else len(common)  # a parameter is made in no scope
            self.groups[leaf.id] = tuple(common[: max(inner, 0)])


def part_name(cluster: str, part: int) -> str:
    """The name of a panel: a cluster may have several."""
    return f"{cluster}.{part}" if part else cluster


def cluster_of(part: str) -> str:
    """The cluster that a panel is a part of."""
    return part.partition(".")[0]


def _step_of(node: Operation) -> ScopePath:
    """The path of the time step that a node is in, or of the closed steps that it is; of others it is empty."""
    if depth := step_depth(node.scope):
        return node.scope[:depth]
    return node.closed if node.closed and node.first.step is not None else ()
