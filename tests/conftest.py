"""What every test is held to: it leaves the engine's global state as it found it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.scope import at_start, collecting, current_hook, current_scope, grad_enabled


def global_state() -> dict[str, Any]:
    """Every mode that a careless test could leave behind."""
    return {
        "default dtype": get_default_dtype(),
        "grad enabled": grad_enabled.get(),
        "scope": current_scope.get(),
        "collecting": collecting.get(),
        "through": current_hook.get(),
        "at start": at_start.get(),
        "interpreter": Primitive.interpreter,
        "NumPy error handling": np.geterr(),
    }


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    before = global_state()
    yield
    after = global_state()
    assert after == before, f"leaked: {[name for name in before if before[name] != after[name]]}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
