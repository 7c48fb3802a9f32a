"""All claims in the order of the notes, found by their ids; and one picture and number for a word of the notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from tinygrad_lstm.arguments import TEXT, integer, takes
from tinygrad_lstm.errors import ArgumentError, UnknownClaimError
from tinygrad_lstm.lab.claim import Claim, Section
from tinygrad_lstm.lab.result import Result

SUBJECTS = (
    "problem", "dependencies", "core", "equations", "gates", "belt", "why", "variants", "tips", "better", "summary",
    "training", "gradients", "tricks", "drawbacks_a", "drawbacks_b", "drawbacks_c",
)  # fmt: skip


@cache
def sections() -> tuple[Section, ...]:
    """The sections of the notes in order, each with its claims."""
    return tuple(import_module(f"tinygrad_lstm.lab.{name}").section for name in SUBJECTS)


class Claims(Mapping[str, Claim]):
    """Every claim by its id, in the order of the notes; they are loaded when the first one is asked for.

    >>> from tinygrad_lstm import lab
    >>> lab.claims["P2"].sentence
    'Each step multiplies the gradient by weight matrices and derivatives of activations.'
    """

    def __getitem__(self, id: str) -> Claim:
        found = _by_id().get(id)
        if found is None:
            near = [other for other in _by_id() if isinstance(id, str) and other[:1] == id[:1].upper()]
            raise UnknownClaimError(f"there is no claim {id!r}" + (f"; there are {', '.join(near)}" if near else ""))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_by_id())

    def __len__(self) -> int:
        return len(_by_id())

    def __repr__(self) -> str:
        return f"Claims({len(self)}: {', '.join(f'{len(each.claims)} of {each.name}' for each in sections())})"

    @takes(word=TEXT)
    def about(self, word: str) -> list[Claim]:
        """The claims of that id, of that section, or of that topic; ArgumentError where there is none.

        >>> from tinygrad_lstm import lab
        >>> [claim.id for claim in lab.claims.about("exploding")]
        ['P6']
        """
        if word in self:
            return [self[word]]
        word = word.strip().lower()
        found = [claim for claim in self.values() if word in (claim.id.lower(), claim.section.name, claim.topic)]
        if not found:
            raise ArgumentError(
                f"no claim, section or topic {word!r}; sections: {', '.join(each.name for each in sections())}; "
                f"topics: {', '.join(claim.topic for claim in self.values() if claim.topic)}"
            )
        return found


@cache
def _by_id() -> dict[str, Claim]:
    return {claim.id: claim for section in sections() for claim in section.claims}


claims = Claims()


@takes(topic=TEXT, seed=integer(0))
def show(topic: str, seed: int = 0) -> Result:
    """The claim that shows a topic, a section, or an id best, run: a notebook shows its figures and its picture.

    >>> from tinygrad_lstm import lab
    >>> print(lab.show("exploding"))
    P6  Gradients grow exponentially: the exploding gradient.
    U a rotation times 1.5, x = 0: over 99 steps the gradient grows by 1.5 to the 99th.
    figure               expected           measured
    growth over 99 steps 2.71e+17, to 1e-12 2.71e+17
    PASS (seed 0, ... s)
    """
    found = claims.about(topic)
    return next((claim for claim in found if claim.topic), found[0]).run(seed)
