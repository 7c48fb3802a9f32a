"""The rules of one node, called outside the backward loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lstm.engine.node import Node


def call_rules(
    node: Node, g: Any, kept: tuple[Any, ...], only: Sequence[bool] | None = None
) -> Iterator[tuple[int, Any]]:
    """What the rules of a node give for g, each with the position of its input; nothing where a rule gives None.

    ``only``: one bool for each input, False where its rule is not called. The backward loop calls the rules of a plan
    itself: a call of a function for each node would cost a step 3 %. Every other walk calls this, then ``fit``.
    """
    plan = node.plan
    assert plan is not None
    given = [g] if plan.multi_output and len(node.shapes) == 1 else g
    if plan.joint is not None:
        given = plan.joint(given, *kept)
    for position, rule in plan.rules:
        if (only is None or only[position]) and (c := rule(position, given, kept)) is not None:
            yield position, c
