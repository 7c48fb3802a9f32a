"""Models of Keras with masks, and any others: random layers with random options, against Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import INNER, MARKS, D, H, T, agree, k, keras, randomised
from tinygrad_lstm import interop
from tinygrad_lstm.errors import WeightsError

pytestmark = MARKS


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("make", INNER, ids=range(len(INNER)))
def test_words_that_are_masked(make: Callable[..., Any], sequences: bool, suffix: str, tmp_path: Path) -> None:
    """Word 0 is none: in the middle, at the start and at the end of a row."""
    agree(randomised(k.Embedding(9, D, mask_zero=True), make(return_sequences=sequences), words=True), tmp_path, suffix)
    stack = [
        k.Embedding(9, D, mask_zero=True), k.Bidirectional(make(return_sequences=True)), k.LayerNormalization(),
        k.TimeDistributed(k.Dense(3, activation="softsign")), make(go_backwards=True, return_sequences=sequences),
        k.Dense(2),
    ]  # fmt: skip
    agree(randomised(*stack, words=True), tmp_path, suffix)


@pytest.mark.parametrize("make", INNER, ids=range(len(INNER)))
def test_masking(make: Callable[..., Any], tmp_path: Path) -> None:
    model = randomised(k.Masking(0.5), make(return_sequences=True), k.Bidirectional(make(), merge_mode="mul"))
    ours = agree(model, tmp_path, ".keras")
    x = np.random.default_rng(3).choice([0.5, 1.0, -1.0], (40, T, D)).astype(np.float32)
    assert ((x == 0.5).all(axis=-1)).any()
    x[:, 2:4] = 0.5
    np.testing.assert_allclose(ours(x).data, np.asarray(model(x, training=False)), rtol=2e-5, atol=2e-6)


def test_zeros_in_the_place_of_what_is_masked_are_refused(tmp_path: Path) -> None:
    randomised(k.Masking(), k.LSTM(H, zero_output_for_mask=True)).save(tmp_path / "model.keras")
    with pytest.raises(WeightsError, match=r"lstm.*: zero_output_for_mask=True"):
        interop.keras.load(tmp_path / "model.keras")


@pytest.mark.parametrize("seed", range(20))
def test_random_models(seed: int, tmp_path: Path) -> None:
    """Any layers with any options one after the other, sequential or functional, in either kind of file."""
    rng = np.random.default_rng(seed)

    def recurrent(sequences: bool) -> Any:
        options: dict[str, Any] = {
            "return_sequences": sequences,
            "use_bias": bool(rng.integers(2)),
            "activation": rng.choice(["tanh", "softsign"]),
        }
        kind = rng.choice(["SimpleRNN", "LSTM", "GRU"])
        if kind != "SimpleRNN":
            options["recurrent_activation"] = rng.choice(["sigmoid", "hard_sigmoid"])
        if kind == "GRU":
            options["reset_after"] = bool(rng.integers(2))
        units = int(rng.integers(1, 6))
        if rng.integers(2):
            return k.Bidirectional(
                getattr(k, kind)(units, **options), merge_mode=rng.choice(["concat", "sum", "ave", "mul"])
            )
        return getattr(k, kind)(units, go_backwards=bool(rng.integers(2)), **options)

    def between() -> Any:
        made = [
            lambda: k.Dense(4, activation=rng.choice(["relu", "elu", "tanh"])), k.LayerNormalization,
            lambda: k.Activation("softplus"), lambda: k.TimeDistributed(k.Dense(3)), lambda: k.Dropout(0.5),
        ]  # fmt: skip
        return made[rng.integers(len(made))]()

    words = bool(rng.integers(2))
    first = k.Embedding(9, D, mask_zero=bool(rng.integers(2))) if words else k.Masking(0.0)
    layers = [
        first,
        between(),
        *(recurrent(True) for _ in range(rng.integers(3))),
        between(),
        recurrent(False),
        k.Dense(2),
    ]
    model = randomised(*layers, words=words)
    if rng.integers(2):
        model = keras.Model(model.inputs, model.outputs)
    agree(model, tmp_path, str(rng.choice([".keras", ".h5"])), inference=True)
