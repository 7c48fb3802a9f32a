"""Arrays that count the operations done with them, for an exercise whose answer has to be few of them."""

from __future__ import annotations

from typing import Any

import numpy as np


class Counted(np.ndarray[Any, np.dtype[Any]]):
    """An array whose operations, and those of all that is made from it, are counted in ``Counted.operations``.

    >>> x = np.ones((2, 3)).view(Counted)
    >>> Counted.operations = 0
    >>> float((x @ x.T).sum())
    12.0
    >>> Counted.operations
    2
    """

    operations = 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **options: Any) -> Any:
        Counted.operations += 1
        if "out" in options:
            options["out"] = tuple(_plain(each) for each in options["out"])
        found = getattr(ufunc, method)(*map(_plain, inputs), **options)
        return found.view(Counted) if type(found) is np.ndarray else found

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        Counted.operations += 1
        return super().__array_function__(function, types, args, kwargs)

    def dot(self, other: Any, out: Any = None) -> Any:
        """A method of C that NumPy would not count."""
        return np.dot(self, other, out)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Counted) else value
