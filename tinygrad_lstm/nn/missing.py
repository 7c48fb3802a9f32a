"""What a missing attribute of a module means: most often that a subclass forgot ``super().__init__()``."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

from tinygrad_lstm.errors import MissingInitError

LIBRARY = __name__.split(".", maxsplit=1)[0] + "."


def refuse_missing(module: object, name: str) -> Any:
    """Raise AttributeError: MissingInitError, where an ``__init__`` of a base class sets this and may not have run."""
    kinds = type(module).__mro__
    if any(name in vars(kind) for kind in kinds):
        return object.__getattribute__(module, name)  # a property that met the missing attribute says which it is
    called = type(module).__name__
    for k, base in enumerate(kinds):
        users = [kind for kind in kinds[:k] if "__init__" in vars(kind) and not kind.__module__.startswith(LIBRARY)]
        if users and _sets(vars(base).get("__init__"), name):
            to_blame = next((kind for kind in users if not _names(kind, "super")), users[0]).__name__
            raise MissingInitError(
                f"this {called} has no {name}, which {base.__name__}.__init__ sets: "
                f"{to_blame}.__init__ calls super().__init__(...) first"
            )
    from tinygrad_lstm.foreign import not_found

    raise not_found("module", name, f"{called!r} object")


def _sets(init: object, name: str) -> bool:
    """Whether this function sets self.name."""
    import dis  # here, for errors only: it is slow to import

    return isinstance(init, FunctionType) and any(
        step.opname == "STORE_ATTR" and step.argval == name for step in dis.get_instructions(inspect.unwrap(init))
    )


def _names(kind: type, word: str) -> bool:
    """Whether the class's ``__init__`` names a thing."""
    init = vars(kind)["__init__"]
    return isinstance(init, FunctionType) and word in init.__code__.co_names
