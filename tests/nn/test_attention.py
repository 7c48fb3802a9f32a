"""Attention against PyTorch with the same weights, in float64; masks, gradients, and what it is a contrast to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, ShapeError

T, B, D, HEADS = 5, 3, 8, 2
CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}


def inputs(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def attention_pair(**options: Any) -> tuple[Any, Any]:
    """PyTorch's attention with random weights, and ours with the same."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(D, HEADS, **options).double()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = nn.MultiheadAttention(D, HEADS, **options).astype(float)
    ours.load_state_dict(attention_weights(theirs.state_dict(), ""))
    return ours, theirs


def attention_weights(state: Any, prefix: str) -> dict[str, np.ndarray]:
    """PyTorch's weights by our names."""
    named = {"out.W": state[prefix + "out_proj.weight"].numpy()}
    for name, array in zip("qkv", np.split(state[prefix + "in_proj_weight"].numpy(), 3), strict=True):
        named[f"{name}.W"] = array
    if prefix + "in_proj_bias" in state:
        named["out.b"] = state[prefix + "out_proj.bias"].numpy()
        for name, array in zip("qkv", np.split(state[prefix + "in_proj_bias"].numpy(), 3), strict=True):
            named[f"{name}.b"] = array
    return named


LENGTHS = np.array([5, 2, 4])
MASK = np.arange(T)[:, None] < LENGTHS
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "all": ({}, {}),
    "lengths": ({"lengths": LENGTHS}, {"key_padding_mask": ~MASK.T}),
    "mask": ({"mask": MASK}, {"key_padding_mask": ~MASK.T}),
    "causal": ({"causal": True}, {"attn_mask": ~np.tri(T, dtype=bool)}),
    "both": ({"causal": True, "lengths": LENGTHS},
             {"attn_mask": ~np.tri(T, dtype=bool), "key_padding_mask": ~MASK.T}),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_pytorchs(case: str, bias: bool) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = attention_pair(bias=bias)
    x = inputs(T, B, D)
    here, there = CASES[case]
    own, their = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, A = ours(own, **here)
    other, weights = theirs(
        their, their, their, average_attn_weights=False, **{name: torch.tensor(mask) for name, mask in there.items()}
    )
    rows = MASK if {"lengths", "mask"} & here.keys() else np.ones_like(MASK)  # the others are no queries
    weigh = np.where(rows[..., None], inputs(T, B, D, seed=1), 0)
    np.testing.assert_allclose(y.data[rows], other.detach().numpy()[rows], **CLOSE)
    np.testing.assert_allclose(
        np.moveaxis(A.data, 2, 0)[rows], np.moveaxis(weights.detach().numpy(), 2, 0)[rows], **CLOSE
    )
    (y * weigh).sum().backward()
    (other * torch.tensor(weigh)).sum().backward()
    np.testing.assert_allclose(own.grad.data, their.grad.numpy(), **CLOSE)  # type: ignore[union-attr]  # there is one
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    expected = attention_weights(gradients, "")
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.data, expected[name], **CLOSE)


@pytest.mark.oracle
def test_keys_and_values_from_elsewhere() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = attention_pair()
    q, k, v = inputs(4, B, D), inputs(7, B, D, seed=1), inputs(7, B, D, seed=2)
    for mine, others in (((q, k, v), (q, k, v)), ((q, k), (q, k, k))):
        y, A = ours(*mine)
        expected, _ = theirs(*map(torch.tensor, others))
        np.testing.assert_allclose(y.data, expected.detach().numpy(), **CLOSE)
        assert A.shape == (B, HEADS, 4, 7)


@pytest.mark.oracle
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_block_is_pytorchs_encoder_layer(norm_first: bool, case: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.TransformerEncoderLayer(D, HEADS, 12, dropout=0.0, norm_first=norm_first).double()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = nn.TransformerBlock(D, HEADS, 12, norm_first=norm_first).astype(float)

    def named(state: Any) -> dict[str, np.ndarray]:
        found = {f"attention.{name}": array for name, array in attention_weights(state, "self_attn.").items()}
        for own, their in {"up": "linear1", "down": "linear2"}.items():
            found |= {f"{own}.W": state[their + ".weight"].numpy(), f"{own}.b": state[their + ".bias"].numpy()}
        for own, their in {"norm_attention": "norm1", "norm_linear": "norm2"}.items():
            found |= {f"{own}.w": state[their + ".weight"].numpy(), f"{own}.b": state[their + ".bias"].numpy()}
        return found

    ours.load_state_dict(named(theirs.state_dict()))
    x = inputs(T, B, D)
    here, there = CASES[case]
    rows = MASK if {"lengths", "mask"} & here.keys() else np.ones_like(MASK)
    weigh = np.where(rows[..., None], inputs(T, B, D, seed=1), 0)
    renamed = {{"attn_mask": "src_mask"}.get(name, "src_" + name): torch.tensor(mask) for name, mask in there.items()}
    y, expected = ours(x, **here), theirs(torch.tensor(x), **renamed)
    np.testing.assert_allclose(y.data[rows], expected.detach().numpy()[rows], **CLOSE)
    (y * weigh).sum().backward()
    (expected * torch.tensor(weigh)).sum().backward()
    gradients = named({name: parameter.grad for name, parameter in theirs.named_parameters()})
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        np.testing.assert_allclose(parameter.grad.data, gradients[name], rtol=1e-11, atol=1e-11, err_msg=name)


def test_padding_may_hold_anything_and_gets_no_gradient() -> None:
    tg.manual_seed(0)
    block = nn.TransformerBlock(D, HEADS).astype(float)
    x = inputs(T, B, D)
    spoilt = np.where(MASK[..., None], x, np.nan)
    attention = block.attention
    first = nn.TransformerBlock(D, HEADS, norm_first=True).astype(float)
    first = nn.TransformerBlock(D, HEADS, norm_first=True).astype(float)
    cases: list[tuple[nn.Module, Any]] = [
        (attention, lambda x: attention(x, lengths=LENGTHS)[0]), (attention, lambda x: attention(x, mask=MASK)[0]),
        (block, lambda x: block(x, mask=MASK)), (first, lambda x: first(x, lengths=LENGTHS)),
    ]  # fmt: skip
    for module, call in cases:
        given = tg.tensor(spoilt, requires_grad=True)
        clean, dirty = call(tg.tensor(x)), call(given)
        np.testing.assert_array_equal(clean.data[MASK], dirty.data[MASK])
        g, *others = tg.grad((dirty[MASK] ** 2).sum(), [given, *module.parameters()])
        assert (g.data[~MASK] == 0).all()
        assert all(np.isfinite(other.data).all() for other in (g, *others))
    alone = attention(x[:2, 1:2])[0]
    np.testing.assert_allclose(attention(x, lengths=LENGTHS)[0].data[:2, 1], alone.data[:, 0], **CLOSE)


def test_a_row_that_may_read_nothing_reads_nothing() -> None:
    attention = nn.MultiheadAttention(D, HEADS)
    y, A = attention(inputs(T, B, D), lengths=[5, 0, 5])
    assert (A.data[1] == 0).all()
    assert np.isfinite(y.data).all()
    np.testing.assert_allclose(A.data[0].sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, float])
def test_every_dtype(dtype: Any) -> None:
    block = nn.TransformerBlock(D, HEADS).astype(dtype)
    y = block(inputs(T, B, D).astype(dtype), causal=True, lengths=LENGTHS)
    assert y.dtype == dtype
    assert np.isfinite(y.data).all()


def test_dropout_acts_in_training_only() -> None:
    tg.manual_seed(0)
    block, x = nn.TransformerBlock(D, HEADS, dropout=0.5), inputs(T, B, D)
    assert (block(x).data != block(x).data).any()
    block.eval()
    np.testing.assert_array_equal(block(x).data, block(x).data)


def test_gradients_by_finite_differences_first_and_second() -> None:
    tg.manual_seed(0)
    block = nn.TransformerBlock(4, 2, 6, norm_first=True).astype(float)
    x = tg.tensor(inputs(3, 2, 4), requires_grad=True)
    assert tg.gradcheck(lambda x: block(x, causal=True), [x])
    assert tg.gradgradcheck(lambda x: block.attention(x)[0], [x])


def test_the_order_of_positions_is_in_x_alone() -> None:
    attention, x = nn.MultiheadAttention(D, HEADS).astype(float), inputs(T, B, D)
    order = np.array([3, 0, 4, 1, 2])
    np.testing.assert_allclose(attention(x[order])[0].data, attention(x)[0].data[order], **CLOSE)
    codes = nn.position_codes(T, D)
    assert codes.shape == (T, 1, D)
    assert len({code.tobytes() for code in codes}) == T
    assert (attention(x[order] + codes)[0].data != attention(x + codes)[0].data[order]).all()
    assert nn.position_codes(3, 5).shape == (3, 1, 5)


# The contrast --------------------------------------------------------------------------------------------------------


def depth(y: tg.Tensor) -> int:
    """The longest chain of ops that have to wait for each other."""
    graph = tg.graph_of(y)
    depths = [0] * len(graph.vertices)
    for edge in graph.edges:
        depths[edge.reader] = max(depths[edge.reader], depths[edge.source] + 1)
    return max(depths)


def test_the_depth_does_not_grow_with_the_sequence_and_the_memory_does_with_its_square() -> None:
    block, layer = nn.TransformerBlock(D, HEADS), nn.LSTM(D, D)
    depths = [[depth(block(inputs(T, 1, D))), depth(layer(inputs(T, 1, D))[0])] for T in (10, 20, 40)]
    assert len({attention for attention, _ in depths}) == 1
    assert depths[2][1] - depths[1][1] == 2 * (depths[1][1] - depths[0][1]) > 40
    assert [block.attention(inputs(T, 1, D))[1].size for T in (10, 20, 40)] == [HEADS * T * T for T in (10, 20, 40)]


def test_it_is_drawn_and_its_values_have_names() -> None:
    block = nn.TransformerBlock(4, 2)
    picture = viz.draw(block(inputs(3, 1, 4)))
    assert "<svg" in picture._repr_svg_()
    names = {vertex.label for vertex in tg.graph_of(block(inputs(3, 1, 4))).vertices}
    assert {"q", "k", "v", "A"} <= names


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(6, 4), ArgumentError, "num_heads divides the width 6, which 4 does not"),
        (lambda: nn.MultiheadAttention(4)(np.ones((3, 4))), ShapeError, r"the query of attention is \(T, B, 4\)"),
        (lambda: nn.MultiheadAttention(4)(np.ones((3, 1, 4)), np.ones((3, 1, 5))), ShapeError, "the key of attention"),
        (lambda: nn.MultiheadAttention(4)(np.ones((3, 1, 4)), mask=[[True]]), ShapeError, "a bool for each key"),
        (lambda: nn.MultiheadAttention(4)(np.ones((3, 1, 4)), mask=np.ones((3, 1), bool), lengths=[1]), ArgumentError,
         "not both"),
    ],
)  # fmt: skip
def test_wrong_calls_are_errors_in_words(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
