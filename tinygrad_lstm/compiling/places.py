"""Where each value of a program is found: under a name, or at a position in an array or list of that name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Place = tuple[str, int | None]


class Places:
    """The places of values. A value may have several: a state is the end of one array and the start of another."""

    def __init__(self, inputs: Iterable[str]) -> None:
        self._places: dict[str, list[Place]] = {name: [(name, None)] for name in inputs}
        self._lengths: dict[str, int] = {}  # of arrays and lists, where it is known

    def __setitem__(self, value: str, name: str) -> None:
        self._places[value] = [(name, None)]

    def put(self, array: str, positions: dict[str, int], length: int | None = None) -> None:
        """Note that these values are found at these positions of an array, too."""
        if length is not None:
            self._lengths[array] = length
        for value, k in positions.items():
            self._places.setdefault(value, []).append((array, k))

    def __getitem__(self, value: str) -> str:
        """The text of a value."""
        name, position = self._places[value][0]
        return name if position is None else f"{name}[{position}]"

    def row(self, values: Sequence[str]) -> tuple[str, int, int] | None:
        """The array in which values are at equal distances: its name, the first position, and the distance."""
        count, name, first, slope = self._run(values, 0)
        return (name, first, slope) if count == len(values) else None

    def spread(self, values: Sequence[str]) -> str:
        """The values one after the other: ``h, *h_at[:49]``.

        >>> places = Places(["h"])
        >>> places.put("h_at", {"h_1": 0, "h_2": 1, "h_3": 2, "h_4": 3}, length=4)
        >>> places.spread(["h", "h_1", "h_2", "h_3"]), places.spread(["h_4", "h_3", "h_2", "h_1"])
        ('h, *h_at[:3]', '*h_at[::-1]')
        """
        texts: list[str] = []
        k = 0
        while k < len(values):
            count, name, first, slope = self._run(values, k)
            texts.append(f"*{name}{self._part(name, first, count, slope)}" if count > 2 else self[values[k]])
            k += count if count > 2 else 1
        return ", ".join(texts)

    def _run(self, values: Sequence[str], k: int) -> tuple[int, str, int, int]:
        """How many values from the k-th on are at equal distances in an array, which, from where on, and how far."""
        return max(self._run_in(values, k, *place) for place in self._places[values[k]])

    def _run_in(self, values: Sequence[str], k: int, name: str, first: int | None) -> tuple[int, str, int, int]:
        if first is None:
            return 1, name, 0, 0
        count, slope = 1, 0
        for value in values[k + 1 :]:
            steps = [p - first for other, p in self._places[value] if other == name and p is not None]
            if not steps or steps[0] != (slope * count or steps[0]) or not steps[0]:
                break
            slope, count = slope or steps[0], count + 1
        return count, name, first, slope

    def _part(self, name: str, first: int, count: int, slope: int) -> str:
        length, stop = self._lengths.get(name, -1), first + slope * count
        start: int | str = "" if first == (0 if slope > 0 else length - 1) else first
        end: int | str = "" if stop < 0 or stop >= length >= 0 else stop
        text = f"{start}:{end}" + f":{slope}" * (slope != 1)
        return f"[{text}]" if text != ":" else ""
