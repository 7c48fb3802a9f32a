"""What to learn from: tasks of many kinds in one shape, and text as numbers.

A task draws batches from a seed and knows its loss, its score, and what a network that knows nothing scores.

>>> TASKS["recall"](K=2)
Task('recall', 10 symbols -> 8 choices, accuracy: chance 0.125, goal 0.99)
"""

from collections.abc import Callable

from tinygrad_lstm.data.characters import LEAST_CHARACTERS, Vocabulary, language_reference, read_text, text, windows
from tinygrad_lstm.data.images import digits
from tinygrad_lstm.data.quantities import adding, first_and_last, running_sum, sine
from tinygrad_lstm.data.symbols import copy_memory, counting, reber, recall, temporal_order
from tinygrad_lstm.data.task import ACCURACY, BITS, ERROR, WHOLE_ROWS, Batch, Measure, Task, pad
from tinygrad_lstm.data.words import cat, france

TASKS: dict[str, Callable[..., Task]] = {
    task.__name__: task
    for task in (
        cat, france, first_and_last, running_sum, adding, copy_memory, recall, reber, counting, temporal_order, sine,
        text, digits,
    )
}  # fmt: skip

__all__ = [
    "ACCURACY", "BITS", "Batch", "ERROR", "LEAST_CHARACTERS", "Measure", "TASKS", "Task", "Vocabulary", "WHOLE_ROWS",
    "adding", "cat", "copy_memory", "counting", "digits", "first_and_last", "france",
    "language_reference", "pad", "read_text", "reber", "recall", "running_sum", "sine", "temporal_order", "text",
    "windows",
]  # fmt: skip
