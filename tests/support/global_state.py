"""The modes that all code shares, and that a test must leave as it found them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine import collector
from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.current import current_hook, current_scope, grad_enabled
from tinygrad_lstm.engine.naming import collecting
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.through import at_start


def global_state() -> dict[str, Any]:
    """Every mode that a careless test could leave behind."""
    return {
        "default dtype": get_default_dtype(),
        "collector pauses": collector.pauses,
        "grad enabled": grad_enabled.get(),
        "scope": current_scope.get(),
        "collecting": collecting.get(),
        "through": current_hook.get(),
        "at start": at_start.get(),
        "interpreter": Primitive.interpreter,
        "NumPy error handling": np.geterr(),
    }
