"""Chapter 10, the drawbacks: ops that wait for each other, and the values that the backward pass needs."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.answers import as_list, count
from tinygrad_lstm.learn.exercise import Chapter, Numbers

chapter = Chapter(10, "The drawbacks")


def words(rng: np.random.Generator) -> Numbers:
    """The length of a text."""
    return {"T": int(rng.choice([40, 60, 75, 90, 120]))}


def depth_of_lstm(T: int) -> int:
    """The ops that wait for each other in an LSTM over T words, counted in its graph."""
    return int(tg.paths.depth(tg.nn.LSTM(2, 2).unroll(tg.zeros(T, 1, 2)).steps[-1].h))


def depth_of_attention(T: int) -> int:
    """The same for the attention of the question."""
    W, V, M = (tg.ones(4, 4, requires_grad=True) for _ in range(3))
    x = tg.ones(T, 4)
    q, k, v = x @ W, x @ V, x @ M
    return int(tg.paths.depth(tg.softmax(q @ k.T / 2.0, axis=-1) @ v))


@chapter.exercise("10.1", "How deep", words, hints=(
    "In the LSTM the longest way goes through h, z and a part of z into C, and through tanh(C) into the next h.",
    "U h, + W x, + b, tanh for C̃, times i, the sum C, tanh(C), times o: one step. Every step repeats it.",
    "In attention the products for q, k and v do not wait for each other: on one way lies one of them.",
))  # fmt: skip
def depth(answer: Any, T: int) -> str:
    """For a text of T = «T» words: how many ops wait for each other, on the longest way to the last output?

    1. An LSTM. A step computes `z = W x + U h + b`, with a product each for W x and U h, and two sums. It cuts z into
       four parts, which is no op, and computes f, i, o by a σ each, C̃ by a tanh, then `C = f * C + i * C̃` and
       `h = o * tanh(C)`. The output is the last h.
    2. Attention without biases: `q, k, v = x @ W, x @ V, x @ M`, then `A = softmax(q @ k.T / sqrt(D))`, where softmax
       is one op, then `y = A @ v`. Transposing, and the root of a number, are no ops.

    Answer with the two numbers, `[lstm, attention]`.
    """
    lstm, attention = as_list(answer, 2, "numbers")
    one, two = depth_of_lstm(1), depth_of_lstm(2)
    step, flat = two - one, depth_of_attention(5)
    right = one + (T - 1) * step
    count(lstm, right, "the number for the LSTM", {
        T: "the LSTM: this counts the words; a word adds several ops",
        step: "the LSTM: this is one word; each waits for the one before",
        13 * T: "the LSTM: this counts all ops of a step; on a way each needs the one before it",
        12 * T: "the LSTM: the sums and products of the gates run beside each other; only one way counts",
        2 * T: "the LSTM: this is the belt, `*` and `+`, the shortest way; the longest goes through h and z",
        7 * T: "the LSTM: one op of a step is missing; both sums of z count, and both tanh",
        6 * T: "the LSTM: two ops of a step are missing; both sums of z count, and both tanh",
        9 * T: "the LSTM: one op of a step too many; W x and U h run beside each other",
        right - step: "the LSTM: one word is missing; the first one computes a whole step too",
        right + step: "the LSTM: one word too many",
    })  # fmt: skip
    count(attention, flat, "the number for attention", {
        flat * T: "attention: no word waits for another; a matrix product does all words at once",
        flat * T * T: "attention: T² pairs are compared, but all at once: that is work, not waiting",
        T: "attention: no word waits for another; a matrix product does all words at once",
        T * T: "attention: T² pairs are compared, but all at once: that is work, not waiting",
        flat + 2: "attention: q, k and v do not wait for each other: one of the three lies on the way",
        flat + 1: "attention: one op too many; the products for q and k run beside each other",
        flat - 1: "attention: one op is missing; the product that makes q comes first, and the division counts",
        1: "attention: no word waits for another, but the ops of a word do: q, q @ k.T, ...",
        0: "attention: no word waits for another, but the ops of a word do: q, q @ k.T, ...",
        8: "attention: 8 is a step of the LSTM, or a layer with biases and an output product; this formula has neither",
    })  # fmt: skip
    return f"{step} ops for each of {T} words wait, as the gates read h; attention has {flat}, however long the text is"


def sizes(rng: np.random.Generator) -> Numbers:
    """Steps, batch, inputs and units."""
    return {
        "T": int(rng.choice([20, 25, 30])), "B": int(rng.choice([5, 7, 9])),
        "D": int(rng.choice([3, 5])), "H": int(rng.choice([11, 13, 17])),
    }  # fmt: skip


def kept_values(T: int, B: int, D: int, H: int) -> int:
    """The values that the graph of an LSTM keeps, without its weights."""
    h = tg.nn.LSTM(D, H, dtype=np.float64)(tg.zeros(T, B, D, dtype=np.float64))[1][0]
    return int(tg.graph_of(h.sum()).kept_bytes) // 8 - 4 * H * H  # of the weights the backward pass needs U only


@chapter.exercise("10.2", "How many values", sizes, hints=(
    "Go through the ops of a step: a product a * b needs both factors, σ and tanh need their results, a sum nothing.",
    "C = f C + i C̃ needs f, C_{t-1}, i, C̃. h = o tanh(C) needs o and tanh(C). Do σ and tanh need anything else?",
    "z = W x + U h + b: the gradients of W and U need x_t (D numbers) and h_{t-1} (H numbers).",
))  # fmt: skip
def memory(answer: Any, T: int, B: int, D: int, H: int) -> str:
    """How many numbers does the graph of an LSTM keep for the backward pass? T = «T» steps, a batch of B = «B»,
    D = «D» inputs and H = «H» units; the loss is the sum of the last h, and x needs no gradient.

    Count each array once, also if several rules need it. Count what a step reads from the step before in the first step
    too. Do not count the weights. The rules: a product needs its two factors, a matrix product too; σ and tanh need
    their own result; a sum needs nothing.
    """
    right = kept_values(T, B, D, H)
    each = T * B  # a vector at every step of every sequence
    count(answer, right, "the number of values", {
        6 * each * H: "f, i, o, C̃, C and tanh(C) are there; x_t and h_{t-1} are missing, for the gradients of W and U",
        7 * each * H: "x_t is missing: the gradient of W needs it",
        6 * each * H + each * D: "h_{t-1} is missing: the gradient of U needs it",
        5 * each * H + each * D: "two are missing of f, i, o, C̃, C_{t-1}, tanh(C_t) and h_{t-1}",
        4 * each * H: "these are the gates only; the rules of the products need the other factors too",
        8 * each * H + each * D: "one array of H too many: C_t of a step is C_{t-1} of the next, count it once",
        11 * each * H + each * D: "z is not needed: the slopes of σ and tanh come from their results",
        right // B: "this is one sequence; the batch has B",
        right // T: "this is one step; nothing can be let go before the backward pass, so all T are kept",
        4 * right: "these are bytes; the question is for values",
        8 * right: "these are bytes; the question is for values",
        right + 4 * H * H: "the weights U are counted; they are there anyway",
        right + 4 * H * (D + H): "the weights are counted; they are there anyway",
        right + 4 * H * (D + H + 1): "the weights are counted; they are there anyway",
        2 * B * H: "this is the state that goes on; the backward pass needs every step's",
        2 * each * H: "these are h and C of every step; the gates, C̃ and tanh(C) are needed too",
    })  # fmt: skip
    return f"T B (7 H + D) = {right:,}: as the graph counts it. They are the price of one exact walk back"
