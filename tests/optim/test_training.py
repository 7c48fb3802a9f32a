"""Text, windows, baselines, and a model that learns."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.data import Vocabulary, language_reference, read_text, windows
from tinygrad_lstm.errors import TextError
from tinygrad_lstm.training import CharModel, Fit, baselines, bits_per_character, sample


def test_the_default_text_is_real_and_long() -> None:
    text = language_reference()
    assert len(text) > 300_000
    assert 'The "if" statement' in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no file"),
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "not UTF-8"),
        (b"abc\0" * 2000, "NUL"),
        (b"too short", "9 characters"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TextError, match=message) as error:
        read_text(path)
    assert "\n" not in str(error.value)


def test_a_folder_is_not_a_text(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="cannot be read"):
        read_text(tmp_path)


def test_vocabulary_there_and_back() -> None:
    text = "naïve café ☕"
    vocabulary = Vocabulary(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    with pytest.raises(TextError, match="'z'"):
        vocabulary.encode("zoo")


def test_windows_cover_each_stream_in_order_with_the_next_character_as_target() -> None:
    numbers = np.arange(101)
    seen = list(windows(numbers, steps=7, batch=4))
    x = np.concatenate([x for x, _ in seen])
    y = np.concatenate([y for _, y in seen])
    np.testing.assert_array_equal(y, x + 1)
    assert [len(x) for x, _ in seen] == [7, 7, 7, 4]
    for stream, start in zip(x.T, (0, 25, 50, 75), strict=True):
        np.testing.assert_array_equal(stream, start + np.arange(25))
    assert [x.shape for x, _ in windows(np.arange(9), steps=100, batch=2)] == [(4, 2)]
    with pytest.raises(TextError):
        list(windows(np.arange(3), steps=1, batch=3))


def test_baselines_on_texts_whose_entropy_is_known() -> None:
    rng = np.random.default_rng(0)
    even = rng.integers(0, 4, 100_000)
    assert baselines.uniform(4) == 2
    assert math.isclose(baselines.unigram(even, even, 4), 2, abs_tol=1e-3)
    turning = np.arange(100_000) % 4  # the next character follows from this one
    assert math.isclose(baselines.unigram(turning, turning, 4), 2, abs_tol=1e-3)
    assert baselines.bigram(turning, turning, 4) < 1e-3


def test_bits_per_character_of_a_model_that_knows_nothing() -> None:
    model = CharModel(8, 4)
    for parameter in model.parameters():
        parameter.data = np.zeros(parameter.shape)
    assert math.isclose(bits_per_character(model, np.arange(500) % 8), 3, rel_tol=1e-6)


def test_evaluation_carries_the_state_from_window_to_window() -> None:
    tg.manual_seed(0)
    model = CharModel(5, 8)
    numbers = np.random.default_rng(0).integers(0, 5, 241)
    short = bits_per_character(model, numbers, batch=2, steps=10)
    assert math.isclose(short, bits_per_character(model, numbers, batch=2, steps=120), rel_tol=1e-5)


def test_a_small_text_is_learned() -> None:
    tg.manual_seed(0)
    numbers = Vocabulary("abcd").encode("abacadab" * 400)
    model = CharModel(4, 16, embedding=4)
    fit = Fit(model, numbers[:2800], numbers[2800:], updates=120, batch=8, steps=16, measure_every=60)
    history = list(fit)
    assert [update.number for update in history] == list(range(1, 121))
    assert [update.number for update in history if update.validation is not None] == [60, 120]
    assert fit.best is not None
    assert fit.best_bits == min(update.validation for update in history if update.validation is not None)
    assert fit.best_bits < 0.3 < baselines.bigram(numbers[:2800], numbers[2800:], 4)  # it takes memory to know


def test_the_best_weights_are_kept_though_training_goes_on() -> None:
    tg.manual_seed(0)
    numbers = np.random.default_rng(0).integers(0, 4, 2000)
    fit = Fit(CharModel(4, 8), numbers[:1500], numbers[1500:], updates=40, batch=4, measure_every=10, lr=0.05)
    for update in fit:
        if update.number == 25:
            break
    assert fit.best is not None
    fit.model.load_state_dict(fit.best)
    assert math.isclose(bits_per_character(fit.model, fit.validation), fit.best_bits, rel_tol=1e-6)


def test_the_graph_of_one_window_does_not_reach_into_the_one_before() -> None:
    model = CharModel(4, 8)
    sizes = set()
    state = None
    for x, _ in windows(np.random.default_rng(0).integers(0, 4, 200), steps=10, batch=2):
        logits, state = model(x, state)
        sizes.add(len(tg.graph_of(logits).vertices))
        state = tuple(part.detach() for part in state)
    assert len(sizes) <= 2  # the first window starts from zeros, all others from a carried state


def test_sampling_goes_on_from_the_prompt_and_repeats_with_the_seed() -> None:
    vocabulary = Vocabulary("abc")
    model = CharModel(3, 8)
    texts = []
    for _ in range(2):
        tg.manual_seed(5)
        texts.append(sample(model, vocabulary, "ab", 30))
    assert texts[0] == texts[1]
    assert texts[0].startswith("ab")
    assert len(texts[0]) == 32
