"""The second phase of a layered drawing: the order of the vertices in each rank, such that few lines cross."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from viz.layout.ranks import Layers

EFFORT = 12_000  # vertices times sweeps: a small drawing is worth more sweeps than a large one


def order(layers: Layers) -> None:
    """Order every rank from the top down, by sweeps over the ranks from both sides; the best order found stays.

    A sweep goes through the ranks one by one and sorts each by the medians of its vertices' neighbours in the rank
    before (Eades & Wormald 1994). After each sweep, neighbours that cross less the other way round change places.
    """
    sweeps = max(2, min(24, EFFORT // len(layers.rank))) if layers.rank else 0
    for vertices in layers.order:
        vertices.sort(key=lambda vertex: -layers.row[vertex])
    best, fewest, since = [list(vertices) for vertices in layers.order], crossings(layers), 0
    for sweep in range(sweeps):
        _sweep(layers, to_the_right=sweep % 2 == 0, ties_turn=sweep % 4 > 1)
        _transpose(layers, rounds=8 if sweeps > 8 else 2)
        if (count := crossings(layers)) < fewest:
            best, fewest, since = [list(vertices) for vertices in layers.order], count, 0
        elif (since := since + 1) > 7:
            break
    layers.order = best


def positions(layers: Layers) -> list[int]:
    """The position of every vertex in its rank, from the top."""
    found = [0] * len(layers.rank)
    for vertices in layers.order:
        for k, vertex in enumerate(vertices):
            found[vertex] = k
    return found


def crossings(layers: Layers) -> int:
    """How often lines between neighbouring ranks cross.

    Barth, Jünger & Mutzel (2002): with the lines sorted by their left ends, each pair of right ends in the wrong order
    is a crossing. Where they count the inversions with a tree, here a sorted list has the right ends so far.
    """
    at, count = positions(layers), 0
    for vertices in layers.order:
        seen: list[int] = []
        for vertex in vertices:
            ends = [at[neighbour] for neighbour in layers.after[vertex]]
            for end in ends:
                count += len(seen) - bisect_right(seen, end)
            for end in ends:
                insort(seen, end)
    return count


def median(places: list[int]) -> float:
    """The median of sorted places; of two in the middle, nearer to the side on which the others are closer together.

    >>> median([2, 4, 9]), median([1, 3]), median([0, 1, 5, 9])
    (4, 2.0, 1.8)
    """
    middle, odd = divmod(len(places), 2)
    if odd:
        return places[middle]
    low, high = places[middle - 1], places[middle]
    left, right = low - places[0], places[-1] - high
    return (low + high) / 2 if left == right else (low * right + high * left) / (left + right)


def _sweep(layers: Layers, to_the_right: bool, ties_turn: bool) -> None:
    """Sort each rank by the medians of the neighbours in the rank before it; vertices without any keep their places."""
    at = positions(layers)
    neighbours = layers.before if to_the_right else layers.after
    for vertices in layers.order if to_the_right else reversed(layers.order):
        medians = {
            vertex: median(sorted([at[other] for other in neighbours[vertex]]))
            for vertex in vertices
            if neighbours[vertex]
        }
        free = [vertex for vertex in vertices if vertex in medians]
        if ties_turn:
            free.reverse()
        turn = iter(sorted(free, key=medians.__getitem__))
        vertices[:] = [next(turn) if vertex in medians else vertex for vertex in vertices]
        vertices.sort(key=lambda vertex: -layers.row[vertex])
        for k, vertex in enumerate(vertices):
            at[vertex] = k


def _transpose(layers: Layers, rounds: int) -> None:
    """Let two vertices next to each other change places where that takes crossings away, until nothing changes."""
    at, row = positions(layers), layers.row
    for _ in range(rounds):
        changed = False
        for vertices in layers.order:
            ends = [
                [sorted([at[other] for other in neighbours[vertex]]) for vertex in vertices]
                for neighbours in (layers.before, layers.after)
            ]
            for k in range(len(vertices) - 1):
                one, other = vertices[k], vertices[k + 1]
                if row[one] != row[other]:
                    continue
                gain = sum(_inversions(side[k], side[k + 1]) - _inversions(side[k + 1], side[k]) for side in ends)
                if gain > 0:
                    vertices[k], vertices[k + 1] = other, one
                    at[one], at[other] = k + 1, k
                    for side in ends:
                        side[k], side[k + 1] = side[k + 1], side[k]
                    changed = True
        if not changed:
            return


def _inversions(above: list[int], below: list[int]) -> int:
    """How often the lines of an upper vertex cross those of a lower one: pairs whose other ends are the wrong way."""
    return sum([bisect_left(below, end) for end in above]) if below else 0
