"""Names in code, as ``tg.grad`` or ``nn.LSTM``, that lead to their entry in the reference, on every page."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

CALL = re.compile(r"([A-Za-z_][\w.]*)(\(.*\))?$", re.DOTALL)
SHORT = {"tg": "tinygrad_lstm"}
PARTS = ("nn", "optim", "func", "paths", "lab", "losses", "data", "training", "interop", "lr_scheduler")


def full_name(words: str) -> str:
    """The name of what some code stands for, ``tinygrad_lstm.nn.LSTM`` for ``nn.LSTM(3, 5)``; '' if it has no dot.

    >>> full_name("tg.grad"), full_name("viz.plots.gates(trajectory)"), full_name("loss")
    ('tinygrad_lstm.grad', 'viz.plots.gates', '')
    """
    found = CALL.match(words)
    if found is None or "." not in found[1]:
        return ""
    first, _, rest = found[1].partition(".")
    if first in PARTS:
        return f"tinygrad_lstm.{'optim.' * (first == 'lr_scheduler')}{found[1]}"
    return f"{SHORT.get(first, first)}.{rest}"


def is_within(node: nodes.Node, *kinds: type[nodes.Node]) -> bool:
    """Whether an ancestor of a node is of one of these kinds: a link's words may be wrapped more than once."""
    while (node := node.parent) is not None:
        if isinstance(node, kinds):
            return True
    return False


def link(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Make links of the literals of a page that are names of the reference."""
    known = app.env.domains["py"].data["objects"]
    for literal in list(tree.findall(nodes.literal)):
        entry = known.get(full_name(literal.astext()))
        inside = is_within(literal, nodes.reference, nodes.title) or "xref" in literal["classes"]
        if entry is None or inside:
            continue
        to = app.builder.get_relative_uri(page, entry.docname)
        made = nodes.reference("", "", internal=True, refuri=f"{to}#{entry.node_id}")
        literal.replace_self(made)
        made += literal


def setup(app: Sphinx) -> None:
    """When all names are known."""
    app.connect("doctree-resolved", link)
