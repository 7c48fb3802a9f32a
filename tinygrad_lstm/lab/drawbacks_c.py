"""Drawbacks C, practical limitations: depth, global context, and what can be seen of the gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.data import ACCURACY, Batch, Task, counting, recall
from tinygrad_lstm.lab.attention import AttentionReader, attention
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, between, exactly, falling
from tinygrad_lstm.lab.learning import learn, lstm, score
from tinygrad_lstm.training import SequenceModel

section = Section("drawbacks-c", "Drawbacks C: practical limitations")
H = 16
LAYERS = (1, 2, 4, 8, 16)


def through_layers(run: Run, count: int, residual: bool = False) -> tuple[float, float]:
    """What of a gradient at the top of a stack of LSTMs arrives below, and what of a signal arrives at the top."""
    y = x = tg.tensor(run.rng.standard_normal((8, 4, H)), requires_grad=True)
    for _ in range(count):
        lstm = nn.LSTM(H, H)
        y = (nn.Residual(lstm) if residual else lstm)(y)[0]
    seed = run.rng.standard_normal(y.shape)
    (below_it,) = tg.grad(y, x, seed)
    return float(np.linalg.norm(below_it.data) / np.linalg.norm(seed)), float(y.data.std() / x.data.std())


@section.experiment(
    "D6", "Increasing LSTM depth leads to gradient issues again.", dtype=float, broken=["residual"], topic="depth"
)
def gradients_fade_through_layers(run: Run) -> None:
    """A gradient at the top of 1, 2, 4, 8 and 16 fresh layers: what arrives at the bottom."""
    residual = run.is_broken("residual")
    found = {count: through_layers(run, count, residual)[0] for count in LAYERS}
    run.expect("1, 2, 4, 8, 16 layers", list(found.values()), falling())
    run.expect("16 layers", found[16], below(1e-4))
    shown = {"LSTM layers": found, "with residual connections": {n: through_layers(run, n, True)[0] for n in LAYERS}}
    run.draw(viz.plots.scores, shown, x="layers", y="gradient at the bottom, of 1", log="xy")


@section.experiment(
    "D6a", "The signal fades on the way up by the same factor.", dtype=float, broken=["residual"],
    correction="h = o tanh(C) is small, so the values fade through 16 layers as the gradients do. It is no illness of "
    "the backward pass alone.",
)  # fmt: skip
def the_signal_fades_too(run: Run) -> None:
    """The size of the output of 16 fresh layers over that of their input."""
    run.expect("what is left", through_layers(run, 16, run.is_broken("residual"))[1], below(1e-4))


@section.experiment("D6b", "Residual connections mend it, for LSTMs too.", dtype=float, broken=["no residual"])
def residual_connections(run: Run) -> None:
    """16 layers of x + LSTM(x): what of a gradient arrives at the bottom."""
    run.expect("what is left", through_layers(run, 16, not run.is_broken("no residual"))[0], between(0.3, 10))


def bare(block: nn.TransformerBlock, x: tg.Tensor) -> tg.Tensor:
    """What a block makes of x without its residual connections and norms."""
    return block.transform(block.attend(x, None, causal=False))


def tower(run_block: Callable[[nn.TransformerBlock, tg.Tensor], tg.Tensor]) -> float:
    """200 fresh blocks of a transformer: the gradient by what the first one gives over that by the last one's."""
    outputs = [tg.randn(6, 2, 8, requires_grad=True)]
    for _ in range(200):
        outputs.append(run_block(nn.TransformerBlock(8, hidden=16, norm_first=True), outputs[-1]))
    first, last = tg.grad((nn.LayerNorm(8)(outputs[-1]) * tg.randn(6, 2, 8)).sum(), [outputs[1], outputs[-1]])
    return float(np.linalg.norm(first.data) / np.linalg.norm(last.data))


@section.experiment(
    "D6d", "Transformers scale to hundreds of layers with residual connections and normalization.", dtype=float,
    broken=["neither"],
)  # fmt: skip
def transformers_scale(run: Run) -> None:
    """200 blocks: the gradient in the first over that in the last, with both and with neither."""
    with_both = bare if run.is_broken("neither") else nn.TransformerBlock.__call__
    run.expect("with both", tower(with_both), between(0.01, 1e4))
    run.expect("with neither", tower(bare), below(1e-6))


def word_by_word(cell: nn.Cell, words: list[tg.Tensor]) -> tg.Tensor:
    """The output at the last word, with a tensor for each word."""
    state: Any = None
    for word in words:
        state = cell(word, state)
    h: tg.Tensor = state[0] if isinstance(state, tuple) else state
    return h


@section.count(
    "D7", "LSTMs lack direct connections between distant tokens.", broken=["attention one by one"],
    topic="global context",
)  # fmt: skip
def no_direct_connection(run: Run) -> None:
    """The ops on the shortest path from word 1 to the output at word 10, and at word 100."""

    def far(kind: str, T: int) -> int:
        words = [tg.tensor(run.rng.standard_normal((1, 8)), requires_grad=True) for _ in range(T)]
        if kind == "attention" and not run.is_broken("attention one by one"):
            return int(paths.shortest(attention(8, 8)(tg.stack(words))[0], words[0]))
        forwards = word_by_word(nn.LSTMCell(8, 8), words)
        if kind == "both directions":  # the other one has only begun at the last word
            forwards = tg.concatenate([forwards, nn.LSTMCell(8, 8)(words[-1])[0]], axis=-1)
        return int(paths.shortest(forwards, words[0]))

    found = {kind: {T: far(kind, T) for T in (10, 100)} for kind in ("LSTM", "both directions", "attention")}
    run.expect("more for 90 words more", [d[100] - d[10] for d in found.values()], exactly([180, 180, 0]))
    run.draw(viz.plots.scores, found, x="words", y="ops on the shortest path", log="x")


@section.experiment(
    "D7b", "This limits their ability to capture global relationships.", dtype=float, broken=["attention one by one"]
)
def far_words_have_no_influence(run: Run) -> None:
    """Untrained: the gradient of the output at word 100 by word 1, over that by word 99."""

    def influence(layer: Any) -> float:
        x = tg.tensor(run.rng.standard_normal((100, 1, 8)), requires_grad=True)
        last = layer(x)[0][-1]
        (g,) = tg.grad((last * run.rng.standard_normal(last.shape)).sum(), x)
        return float(np.linalg.norm(g.data[0]) / np.linalg.norm(g.data[-2]))

    run.expect("LSTM", influence(nn.LSTM(8, 8)), below(1e-5))
    far = influence((nn.LSTM if run.is_broken("attention one by one") else attention)(8, 8))
    run.expect("attention", far, above(1e-3))


class Deep(nn.Module):
    """Layers of LSTMs on eight symbols, with or without residual connections."""

    def __init__(self, count: int, residual: bool) -> None:
        self.embedding, self.head = nn.Embedding(8, H), nn.Linear(H, 8)
        layers = [nn.LSTM(H, H, fused=True) for _ in range(count)]
        self.layers = nn.ModuleList([nn.Residual(layer) for layer in layers] if residual else layers)

    def forward(self, x: np.ndarray) -> tg.Tensor:
        """The scores after the last step."""
        y = self.embedding(x)
        for layer in self.layers:
            y, _ = layer(y)
        scores: tg.Tensor = self.head(y[-1])
        return scores


@section.experiment("D6c", "Many layers: unstable training.", broken=["no residual"])
def many_layers_do_not_learn(run: Run) -> None:
    """To say the fourth of five symbols, at most 400 updates: the share that is right; chance is 0.125."""

    def draw(rng: np.random.Generator, B: int) -> Batch:
        x = rng.integers(0, 8, (5, B))
        return Batch(x, x[-2])

    task = Task("fourth of five", 8, 8, draw, ACCURACY, 1 / 8, 0.99, tuple("abcdefgh"))
    residual = not run.is_broken("no residual")
    for name, count, with_residual, condition in (
        ("1 layer", 1, False, above(0.9)), ("16 layers", 16, False, below(0.5)),
        ("16 layers, residual", 16, residual, above(0.95)),
    ):  # fmt: skip
        model = Deep(count, with_residual)
        learn(model, task, 400, lr=5e-3, until=0.99)
        run.expect(name, score(model, task), condition)


@section.experiment(
    "D8", "Internal gating dynamics are hard to interpret or visualize.", broken=["untrained", "coupled"],
    topic="counting",
    correction="Not always: of a network that has learned aⁿ bⁿ one unit of C is the counter, up with every a and down "
    "with every b.",
)  # fmt: skip
def a_unit_counts(run: Run) -> None:
    """aⁿ bⁿ, n up to 12: the strings that are right, and the unit of C that follows the number of open a's best."""
    cell = nn.CoupledLSTMCell if run.is_broken("coupled") else nn.LSTMCell
    task = counting(12)
    model = SequenceModel(task, 6, lstm(3.0, cell, cell is nn.LSTMCell), embedding=8)
    learn(model, task, 0 if run.is_broken("untrained") else 1500, until=1.0, every=100)
    x, longest = (batch := task.batch(32)).inputs, int(batch.lengths.argmax())
    _, trajectory = model.unroll(x)
    a, b = x == 1, x == 2
    c, count = trajectory["c"].data, np.cumsum(a, axis=0) - np.cumsum(b, axis=0)
    follows = [min(abs(np.corrcoef(c[on, u], count[on])[0, 1]) for on in (a, b)) for u in range(6)]
    run.expect("strings that are right", score(model, task), above(0.89))
    run.expect("|r| of the counting unit", float(max(follows)), above(0.995))
    text = task.words(x[:, longest])
    run.draw(viz.plots.gates, trajectory, ("f", "i", "c"), text=text, row=longest)


@section.experiment("D8c", "Attention maps show what the model is focusing on.", broken=["untrained"])
def an_attention_map(run: Run) -> None:
    """Eight symbols, one of them asked for: the weight that the last place gives the right one; 1/9 knows nothing."""
    model = AttentionReader(recall(8), 9)
    learn(model, recall(8), 0 if run.is_broken("untrained") else 400, lr=5e-3)
    x = recall(8).batch(256).inputs
    weights, asked = model.map(x), x[-1] - 8
    run.expect("weight on the right one", float(weights[np.arange(256), asked].mean()), above(0.7))
    run.expect("largest there", float((weights.argmax(axis=-1) == asked).mean()), above(0.95))
