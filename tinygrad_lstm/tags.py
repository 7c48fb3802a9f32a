"""Tags: words on edges that say how a gradient travels along them.

A cell marks where its equations only scale a state, ``c = f * tag(c, "carry") + i * g``, and ``tg.paths`` reads the
marks. The engine hands a tag on from the tensor to the edge and never looks at it. So the words live here, above it:

    carry      a state, only scaled, into its own next value; the path of carries is the belt
    peephole   the cell state into a gate
    initial    a state from before the first step; where a step reads it, that is a read of an earlier state

``register_tag`` adds a word, and with it a class of edges of that name. Edges without a tag are classed by where they
lead, see ``tg.paths.edge_class``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tinygrad_lstm.arguments import TEXT, came, takes
from tinygrad_lstm.engine.node import make_source
from tinygrad_lstm.engine.tensor import Tensor, from_array
from tinygrad_lstm.errors import ArgumentError, DtypeError


class Tag(NamedTuple):
    """What a word says of the edges that have it, and whether ``tg.paths.routes`` counts them as crossings."""

    meaning: str
    crosses: bool


TAGS = {
    "carry": Tag("a state, only scaled, into its own next value", crosses=False),
    "peephole": Tag("the cell state into a gate", crosses=True),
    "initial": Tag("a state from before the first step", crosses=True),
}
UNTAGGED = ("crossing", "depth", "weight", "read")  # the classes of edges without a tag


def tag(tensor: Tensor, name: str) -> Tensor:
    """The same value as another tensor: the edges to the readers of that tensor have the tag.

    Raises ArgumentError for a word that is not registered.

    >>> c = Tensor(2.0, requires_grad=True)
    >>> y = tag(c, "carry") * 0.5
    >>> y.source.node.sources[0].tag
    'carry'
    >>> tag(c, "cary")
    Traceback (most recent call last):
    tinygrad_lstm.errors.ArgumentError: tag(tensor, name) takes carry, peephole, initial as name, not the text 'cary'\
: did you mean 'carry'? A new word is added with tg.register_tag(name, meaning)
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"tag() marks the edge from a tensor, not from a value of type {type(tensor).__name__}")
    if not isinstance(name, str) or name not in TAGS:  # written out: every cell asks at every step
        wrong = ArgumentError if isinstance(name, str) else DtypeError
        raise wrong(
            f"tag(tensor, name) takes {', '.join(TAGS)} as name, not {came(name)}{did_you_mean(name, TAGS)} "
            f"A new word is added with tg.register_tag(name, meaning)"
        )
    source = tensor._source or tensor.source
    return from_array(tensor._data, make_source(source.node, source.index, name))


@takes(name=TEXT, meaning=TEXT)
def register_tag(name: str, meaning: str, *, crosses: bool = True) -> None:
    """Add a word for ``tag``, and a class of edges of that name for everything in ``tg.paths``.

    ``crosses``: whether a gradient on such an edge leaves the belt, so that ``routes`` counts it as a crossing; False
    where the edge only scales, as a carry does. To register a word again in the same sense does nothing.

    Raises ArgumentError for a word that is taken in another sense, or that is no single word.

    >>> register_tag("attention", "an earlier state into the attention of a step")
    >>> TAGS.pop("attention").crosses  # (taken out again: this is an example)
    True
    """
    new = Tag(meaning, bool(crosses))
    if not name.isidentifier():
        raise ArgumentError(f"register_tag(name, meaning) takes a single word as name, not {came(name)}")
    if name in UNTAGGED or TAGS.get(name, new) != new:
        has = TAGS[name].meaning if name in TAGS else "a class of edges without a tag"
        raise ArgumentError(f"register_tag(name, meaning): {name!r} is taken: {has}")
    TAGS[name] = new


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of an error about an unknown word: the known one that is nearest, if one is near."""
    from difflib import get_close_matches  # here: only an error needs it

    near = get_close_matches(word, known, n=1) if isinstance(word, str) else []
    return f": did you mean {near[0]!r}?" if near else "."
