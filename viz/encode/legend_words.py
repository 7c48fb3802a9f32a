"""The words of the legend: what each kind of line is called, in every picture."""

from __future__ import annotations

from collections.abc import Mapping

from viz.diagram.cellgraph import CellGraph

SHARES = "how a state's gradient came, the whole way from L"
BELT = "belt, where a state is only scaled from step to step"

VALUES = {
    "other": "carry of another state",
    "hidden": "the hidden state",
    "constant": "needs no gradient",
}
OFF_THE_ROUTES = {  # of a gradient; the numbers of widths begin at "less than"
    "not finite": "not finite",
    "zero": "a gradient of exactly 0",
    "none": "no gradient comes here",
    "cut": "cut: not let through",
}
ROUTES_OF_ANY_CELL = {  # where several cells are in one picture
    "carry": "belt, the path along C (of a GRU along h): never through a gate, only × its gate",
    "crossing": "crossing, through h into a gate: × σ′, tanh′, Uᵀ",
}
ROUTES_OF_OPERATIONS = {
    "carry": f"{BELT}: never through a gate",
    "crossing": "crossing, through h into a gate of the next step",
    "read": "read within a step",
    "weight": "into the weights",
}
FLOWS = {
    "raises": "raises L, as the source moves",
    "lowers": "lowers it",
    "zero": "a flow of exactly 0",
    "not finite": "not finite",
    "none": "no flow comes here",
}


def belt_of(cells: CellGraph) -> str:
    """The belt of the values."""
    return f"belt, {cells.template.belt_path}"


def routes_of(cells: CellGraph) -> Mapping[str, str]:
    """The routes of a gradient through a cell, by what it is multiplied by along each."""
    template = cells.template
    factors = f": {cells.crossing_factors()}" if template.crossing else ""
    joining = template.joining.replace("{op}", cells.operation("squash", cells.order[0]))
    return {
        "carry": f"{belt_of(cells)}: never through a gate, {template.carry}{joining}",
        "other": "carry of another state: only scaled",
        "crossing": f"crossing, {template.crossing_path}{factors}",
        "weight": "into the shared weights",
        "depth": "to the layer below",
    }


def less_than(least: str) -> str:
    """What is below the scale of widths."""
    return f"less than {least.removeprefix('‖∇‖ ')}"


def of_two_runs(before: str, after: str) -> Mapping[str, str]:
    """What has no ratio."""
    return {
        "before": f"only “{before}” has a gradient",
        "after": f"only “{after}”, or not finite",
        "none": OFF_THE_ROUTES["none"],
    }
