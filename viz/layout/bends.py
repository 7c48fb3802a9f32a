"""The fourth phase of a layered drawing: how wide the gaps between the ranks are, and where the lines bend in them.

A line is level where it passes a rank, and slanted only in a gap, where there are no boxes: so it never runs behind
one. Of two lines that rise, or fall, in a gap one bends earlier, as far as keeps them apart where they are steep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from viz.layout.arrowheads import head_size

LEVEL = 0.5  # points: a piece that rises less is straight


class Piece(NamedTuple):
    """A part of a line in one gap: its heights at the left and at the right, and what it is joined to."""

    start: float
    stop: float
    width: float
    from_box: bool
    to_box: bool


class Gap(NamedTuple):
    """A gap between two ranks: its width, and where in it each piece begins to slant and ends to."""

    width: float
    knees: tuple[tuple[float, float], ...]


def gap(pieces: Sequence[Piece], least: float, clear: float) -> Gap:
    """The gap that these pieces need: level ends as long as arrowheads, and between them room for the slants.

    >>> gap([Piece(0, 0, 1, True, True)], least=20, clear=4)
    Gap(width=20, knees=((0.0, 20),))
    >>> gap([Piece(0, 40, 1, True, True), Piece(-8, 32, 1, True, True)], least=20, clear=4).knees
    ((8.7, 18.7), (13.7, 23.7))
    """
    bent = [piece for piece in pieces if abs(piece.stop - piece.start) > LEVEL]
    if not bent:
        return Gap(least, ((0.0, least),) * len(pieces))
    left = max((head_size(piece.width)[0] + 2 for piece in bent if piece.from_box), default=3.0)
    right = max((head_size(piece.width)[0] + 2 for piece in bent if piece.to_box), default=3.0)
    slant = min(max(0.2 * max(abs(piece.stop - piece.start) for piece in bent), 10.0), 36.0)
    late = _delays(pieces, slant, clear)
    slant = max(slant, _longest_meeting(pieces, late, clear))
    spare = max(least - left - max(late) - slant - right, 0.0)
    width = left + max(late) + slant + spare + right
    return Gap(width, tuple((left + by + spare / 2, left + by + spare / 2 + slant) for by in late))


def _delays(pieces: Sequence[Piece], slant: float, clear: float) -> list[float]:
    """How much later each piece bends than the first ones.

    Of two that rise, the one that ends higher has to bend first, of two that fall the one that ends lower: then none of
    them comes into the level end of the other, and two that have to cross do so where one is still level.
    """
    late = [0.0] * len(pieces)
    for sign in (1, -1):
        before: list[int] = []
        rising = [k for k, piece in enumerate(pieces) if sign * (piece.stop - piece.start) > LEVEL]
        for k in sorted(rising, key=lambda k: (-sign * pieces[k].stop, -sign * pieces[k].start)):
            start, stop, width = pieces[k][:3]
            for other in before:
                apart = (width + pieces[other].width) / 2 + clear
                if sign * (pieces[other].start - stop) < apart:  # where one ends, the other is on its way, or not far
                    steep = min(abs(stop - start), abs(pieces[other].stop - pieces[other].start)) > slant / 2
                    late[k] = max(late[k], late[other] + (apart if steep else 0.0))
            before.append(k)
    return late


def _longest_meeting(pieces: Sequence[Piece], late: Sequence[float], clear: float) -> float:
    """The slant that lets a line leave its height before another, which comes from the other side, arrives there."""
    rising = [k for k, piece in enumerate(pieces) if piece.stop - piece.start > LEVEL]
    falling = [k for k, piece in enumerate(pieces) if piece.start - piece.stop > LEVEL]
    longest = 0.0
    for up in rising:
        for down in falling:
            apart = (pieces[up].width + pieces[down].width) / 2 + clear
            if abs(pieces[up].stop - pieces[down].start) < apart:
                longest = max(longest, late[down] - late[up])
            if abs(pieces[down].stop - pieces[up].start) < apart:
                longest = max(longest, late[up] - late[down])
    return longest
