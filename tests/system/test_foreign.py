"""What people from PyTorch, NumPy, Keras and JAX type: it works, or it answers in one line with a name that is here."""

from __future__ import annotations

import contextlib
import copy
import inspect
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
import viz.plots
from tinygrad_lstm import nn, optim
from tinygrad_lstm.engine.absent import NAMES
from tinygrad_lstm.errors import CallError, ForeignNameError, TinygradError
from tinygrad_lstm.foreign import answer
from tinygrad_lstm.foreign.arguments import ABSENT, OURS
from tinygrad_lstm.foreign.names import METHODS, PLACES

SPACE: dict[str, Any] = {
    "tg": tg, "nn": nn, "optim": optim, "viz": viz, "np": np, "x": tg.tensor([[1.0, 2.0]], requires_grad=True),
    "module": nn.LSTMCell(2, 3), "layer": nn.LSTM(2, 3),
}  # fmt: skip

# What a teaching course uses, place by place. A name of a package of its own is looked for in ours.
COURSE = {
    "tg": """
        tensor zeros ones full eye arange rand randn zeros_like ones_like manual_seed cat concat stack split chunk
        view
        unsqueeze squeeze permute transpose reshape flatten gather index_select masked_fill masked_select where bmm
        mm mv
        matmul einsum dot outer sum mean max min amax amin prod std var argmax argmin sort argsort topk median cumsum
        cumprod exp log log1p sqrt rsqrt pow abs sign sin cos tan tanh sigmoid relu softmax log_softmax logsumexp
        clamp
        clip round floor ceil maximum minimum add sub mul div neg eq ne gt ge lt le isnan isinf isfinite allclose
        isclose
        equal from_numpy as_tensor asarray array linspace empty empty_like full_like randint randperm normal bernoulli
        multinomial rand_like randn_like no_grad enable_grad set_grad_enabled inference_mode autograd cuda device
        float32 float64 int64 save load nn optim utils flip roll tril triu diag tile repeat_interleave unbind norm
        numel
        is_tensor compile jit vmap Tensor FloatTensor LongTensor linalg random pi inf nan newaxis concatenate vstack
        hstack
        expand_dims swapaxes moveaxis take take_along_axis nonzero argwhere unique bincount meshgrid histogram
        percentile dtype ndarray square power multiply divide subtract negative absolute
        Variable constant convert_to_tensor reduce_sum reduce_mean cast one_hot GradientTape function
        value_and_grad vjp jvp jacrev hessian stop_gradient custom_vjp lax grad checkpoint Module Linear LSTM Adam SGD
    """,
    "x": """
        shape size dtype ndim T item tolist numpy detach backward grad requires_grad is_leaf retain_grad
        register_hook data
        view permute unsqueeze squeeze reshape transpose t mT numel dim to cpu cuda float double half long int bool
        clone
        contiguous requires_grad_ detach_ device is_cuda grad_fn expand expand_as repeat flatten ravel sum mean max
        min
        prod std var argmax argmin sort argsort cumsum cumprod any all exp log sqrt tanh sigmoid relu softmax abs pow
        add
        sub mul div matmul mm bmm dot clamp clip round floor ceil gather index_select masked_fill scatter_add scatter
        zero_ fill_ copy_ add_ mul_ sub_ div_ normal_ uniform_ clamp_ eq gt lt norm split chunk unbind type type_as
        new_zeros new_ones nonzero topk where view_as reshape_as flip roll diagonal trace tril triu outer
        astype copy fill swapaxes take nbytes itemsize strides flat real conj tobytes choose compress partition
        searchsorted put assign assign_add at block_until_ready
    """,
    "nn": """
        Module Parameter Linear Embedding Dropout LayerNorm LSTM GRU RNN LSTMCell GRUCell RNNCell Sequential
        ModuleList
        ModuleDict ParameterList functional init utils Conv1d Conv2d MaxPool2d BatchNorm1d BatchNorm2d GroupNorm
        RMSNorm
        Flatten Identity Transformer MultiheadAttention LeakyReLU GELU ELU SiLU Hardtanh EmbeddingBag DataParallel
        Dense SimpleRNN Bidirectional TimeDistributed Masking Layer Model Input BatchNormalization LayerNormalization
        clip_grad_norm_ pad_sequence Adam cross_entropy xavier_uniform_ CosineSimilarity CTCLoss
        Dropout2d TransformerEncoder TransformerEncoderLayer AvgPool2d ConvTranspose2d BatchNorm3d InstanceNorm1d SELU
        GLU ReLU6 Softmin Hardswish LogSigmoid Upsample ZeroPad2d TripletMarginLoss BCELoss PoissonNLLLoss
    """,
    "nn.functional": """
        relu tanh sigmoid softmax log_softmax softplus linear embedding dropout layer_norm one_hot normalize
        logsigmoid
        gelu silu leaky_relu elu hardtanh cross_entropy mse_loss l1_loss huber_loss smooth_l1_loss pad conv1d conv2d
        max_pool2d binary_cross_entropy_with_logits binary_cross_entropy cosine_similarity unsqueeze
        scaled_dot_product_attention lstm batch_norm instance_norm avg_pool1d dropout2d selu relu6 softmin interpolate
        triplet_margin_loss
    """,
    "nn.utils": """
        clip_grad_norm_ clip_grad_value_ clip_grad_norm rnn pack_padded_sequence pad_packed_sequence pad_sequence
        pack_sequence unpad_sequence PackedSequence parameters_to_vector vector_to_parameters data
    """,
    "nn.init": """
        xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_ uniform_ normal_ zeros_ ones_
        constant_ eye_ uniform normal glorot orthogonal
    """,
    "optim": """
        SGD Adam AdamW RMSprop Adagrad Optimizer lr_scheduler Adadelta Adamax NAdam RAdam LBFGS Rprop ASGD sgd adam
        StepLR ReduceLROnPlateau swa_utils apply_updates
    """,
    "optim.lr_scheduler": """
        StepLR ExponentialLR CosineAnnealingLR LinearLR LambdaLR SequentialLR ReduceLROnPlateau CyclicLR PolynomialLR
        ConstantLR MultiplicativeLR ChainedScheduler
    """,
    "tg.distributed": """
        rank size DataParallel get_rank get_world_size init_process_group barrier all_reduce broadcast
        DistributedDataParallel Get_rank Get_size
    """,
    "viz": "draw player make_dot plot_model draw_graph show render save summary plot heatmap SummaryWriter Picture",
    "module": """
        parameters named_parameters state_dict load_state_dict train eval training zero_grad modules children astype
        cuda cpu to half float double named_modules named_children apply register_buffer register_parameter add_module
        register_forward_hook register_full_backward_hook requires_grad_ compile fit predict evaluate summary weights
        trainable_variables get_weights set_weights count_params save_weights load_weights flatten_parameters
        weight bias kernel weight_ih weight_hh bias_ih weight_ih_l0 bias_hh_l0 buffers share_memory type
    """,
}  # fmt: skip


def names() -> Iterator[tuple[str, str]]:
    """Every name of the course, of the tables, and every public one of NumPy."""
    for place in PLACES:
        known = {*COURSE[place].split(), *PLACES[place]} | (NAMES if place == "x" else set())
        yield from ((place, name) for name in sorted(known))
    yield from (("tg", name) for name in dir(np) if not name.startswith("_") and vars(np).get(name) is not None)


def value(path: str) -> Any:
    return eval(path, SPACE)


def resolved(text: str) -> list[str]:
    """The names of ours in an answer, each of which must be there."""
    found = re.findall(r"(?<![\w.])(?:tg|nn|optim|viz|np|x|module|layer)(?:\.\w+(?:\[0\])?)+", text)
    for path in found:
        value(path)
    return found


@pytest.mark.parametrize(("place", "name"), list(dict.fromkeys(names())))
def test_a_name_is_there_or_answers_with_ours(place: str, name: str) -> None:
    owner = value(place)
    if hasattr(owner, name):
        return
    with pytest.raises(ForeignNameError) as caught:
        getattr(owner, name)
    said = str(caught.value)
    assert isinstance(caught.value, AttributeError)
    assert isinstance(caught.value, TinygradError)
    assert "\n" not in said
    assert said.startswith(f"{place}.{name}")
    rest = said.removeprefix(f"{place}.{name}")
    is_expression = re.match(r" is .*[][=<>@*/+()-].* here$", rest)
    assert resolved(rest) or is_expression or rest.startswith(": "), said


def test_the_course_is_large() -> None:
    assert sum(len(text.split()) for text in COURSE.values()) > 400


def test_every_name_that_a_tensor_answers_has_its_answer() -> None:
    assert [name for name in NAMES if not answer("x", name)] == []
    assert set(METHODS) <= NAMES


@pytest.mark.parametrize(
    ("place", "name"),
    [("tg", "cat"), ("x", "view"), ("x", "add_"), ("x", "exp"), ("nn", "Conv2d"), ("module", "cuda"), ("viz", "show")],
)
def test_the_line(place: str, name: str) -> None:
    said = {
        "cat": "tg.cat is tg.concatenate here", "view": "x.view is x.reshape here", "exp": "x.exp is tg.exp(x) here",
        "add_": "x.add_: tensors are not changed in place; a new one comes from x + y, or tg.add",
        "Conv2d": "nn.Conv2d: there are no convolutions here; the layers are recurrent, e.g. nn.LSTM",
        "cuda": "module.cuda: all arrays are in the memory of the CPU, so leave it out",
        "show": "viz.show is viz.draw(y) as the last line of a cell, or viz.draw(y).save(path) here",
    }[name]  # fmt: skip
    with pytest.raises(ForeignNameError) as caught:
        getattr(value(place), name)
    assert str(caught.value) == said


def test_an_unknown_name_is_pythons_own_error() -> None:
    for place in PLACES:
        for name in ("nonsense", "_private", "_repr_html_", "__wrapped__", "_ipython_canary_method_should_not_exist_"):
            if place == "viz" and name == "_repr_html_":
                continue
            with pytest.raises(AttributeError, match=rf"has no attribute '{name}'") as caught:
                getattr(value(place), name)
            assert not isinstance(caught.value, TinygradError)


# Nothing that looks for attributes is confused ----------------------------------------------------------------------


def test_copies_pickles_listings_and_numpy_are_as_before() -> None:
    x = tg.tensor([[1.0, 2.0]])
    assert copy.copy(x).tolist() == copy.deepcopy(x).tolist() == pickle.loads(pickle.dumps(x)).tolist() == [[1.0, 2.0]]
    assert not NAMES.intersection(dir(x))
    assert {"sum", "shape", "backward"} <= set(dir(x))
    assert np.asarray(x).tolist() == [[1.0, 2.0]]
    assert not any(hasattr(x, name) or hasattr(tg.Tensor, name) for name in NAMES)
    assert not [name for name in NAMES if name in vars(tg.Tensor)]


def test_a_class_of_ones_own_may_have_any_of_the_names() -> None:
    class Mine(nn.Parameter):
        def view(self) -> str:
            return "a view"

    mine = Mine([1.0])
    mine.cuda = "a car"  # type: ignore[attr-defined]  # a subclass has a __dict__
    assert (mine.view(), mine.cuda) == ("a view", "a car")  # type: ignore[attr-defined]


def test_a_property_that_fails_says_why() -> None:
    with pytest.raises(AttributeError, match="_data"):
        tg.Tensor.__new__(tg.Tensor).shape  # noqa: B018  # as copy makes it, without contents


# Arguments ----------------------------------------------------------------------------------------------------------

SPACE["steps"] = np.ones((2, 1, 3))
CALLS = [  # texts, for a type checker refuses each of them
    ("tg.sum(x, dim=1)", "dim is called axis here"),
    ("x.sum(dim=1)", "dim is called axis here"),
    ("x.mean(1, keepdim=True)", "keepdim is called keepdims here"),
    ("tg.mean(x, dim=1, keepdim=True)", "dim is called axis here; keepdim is called keepdims here"),
    ("tg.softmax(x, dim=-1)", "dim is called axis here"),
    ("tg.stack([x], dim=0)", "dim is called axis"),
    ("tg.concatenate(tensors=[x])", "tensors is called arrays here"),
    ("tg.flip(x, dims=0)", "dims is called axis"),
    ("tg.take(x, index=[0])", "index is called indices here"),
    ("tg.roll(x, shifts=1)", "shifts is called shift"),
    ("tg.swapaxes(x, dim0=0, dim1=1)", "dim0 is called axis1 here; dim1 is called axis2 here"),
    ("tg.add(x, other=x)", "other is called b here"),
    ("tg.tanh(input=x)", "input is called x here"),
    ("tg.clip(x, a_min=0)", "a_min is called min here"),
    ("x.clip(a_max=0)", "a_max is called max here"),
    ("tg.var(x, unbiased=True)", "unbiased is called ddof here"),
    ("x.std(correction=1)", "is called ddof"),
    ("x.sum(dtype=float)", "dtype is not here: say x.astype"),
    ("x.sort(descending=True)", "negate x"),
    ('tg.tensor(3.0, device="cpu")', "device is not here: all arrays are in the memory of the CPU"),
    ('tg.zeros(3, device="cpu")', "device is not here: all arrays are in the memory of the CPU"),
    ("tg.full(size=3)", "size is called shape"),
    ("x.argmax(dim=1)", "dim is called axis here"),
    ("x.cumsum(dim=1)", "dim is called axis here"),
    ("nn.Linear(2, units=3)", "units is called out_features here"),
    ("nn.LSTM(3, units=4)", "hidden_size"),
    ("nn.Linear(2, 3, use_bias=False)", "use_bias is called bias here"),
    ("nn.LSTM(3, 4, return_sequences=True)", r"a layer gives all steps; the last is output\[-1\]"),
    ('nn.RNN(3, 4, activation="relu")', "nn.RNNCell has nonlinearity"),
    ('nn.RNNCell(3, 4, activation="relu")', "activation is called nonlinearity here"),
    ("nn.LSTM(3, 4, n_layers=2)", "n_layers is called num_layers here"),
    ("nn.LSTM(3, 4, go_backwards=True)", "go_backwards is called reverse here"),
    ("nn.LSTM(3, 4)(steps, hx=None)", "hx is called state here"),
    ("nn.LSTM(3, 4)(steps, initial_state=None)", "initial_state is called state here"),
    ("nn.LSTM(3, 4)(steps, training=True)", r"say module.train\(\) or module.eval\(\)"),
    ("nn.Embedding(vocab_size=3, embed_dim=2)", "vocab_size is called num_embeddings here; embed_dim is called"),
    ("nn.LayerNorm(normalized_shape=3)", "normalized_shape is called features here"),
    ("nn.Dropout(rate=0.5)", "rate is called p here"),
    ("nn.Linear(2, 3).zero_grad(set_to_none=True)", "always None"),
    ("optim.Adam([x], learning_rate=0.1)", "learning_rate is called lr here"),
    ("optim.Adam([x], beta_1=0.9)", "beta_1 is called betas here"),
    ("optim.Adam([x], epsilon=1)", "eps here"),
    ("optim.SGD([x], 0.1, foreach=True)", "foreach is not here: leave it out"),
    ("optim.SGD([x], 0.1).zero_grad(set_to_none=True)", "set_to_none is not here: .* always None"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), CALLS)
def test_a_foreign_argument_answers_with_ours(text: str, words: str) -> None:
    with pytest.raises(CallError, match=words) as caught:
        value(text)
    assert isinstance(caught.value, TypeError)
    assert "\n" not in str(caught.value)


def test_every_argument_named_in_the_table_is_one_of_ours() -> None:
    owners = [tg, nn, optim, tg.losses, nn.utils, tg.Tensor, nn.LSTM, nn.Module, optim.Optimizer, optim.lr_scheduler]
    found = set[str]()
    for owner in owners:
        for each in vars(owner).values():
            if (
                inspect.isroutine(each)
                or isinstance(each, tg.Primitive)
                or getattr(each, "__module__", "")[:4] == "tiny"
            ):
                with contextlib.suppress(ValueError, TypeError):
                    found |= set(inspect.signature(each).parameters)
    unknown = {name: ours for name, ours in OURS.items() if not found.intersection(ours)}
    assert not unknown
    assert set(ABSENT).intersection(OURS) == {"activation"}


def test_an_error_inside_a_function_is_no_wrong_call() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.sum(1, 2, 3, 4)

    with pytest.raises(CallError, match=r"Tensor\.sum\(axis=None, keepdims=False\) too many positional arguments"):
        Broken()(tg.ones(2))
    with pytest.raises(TypeError, match="unsupported operand") as caught:
        nn.LSTM(3, 4, cell=lambda a, b: a + None)
    assert not isinstance(caught.value, CallError)


# What is here under PyTorch's name gives what PyTorch's gives ---------------------------------------------------------

SAME = """
x.sum() x.mean() x.max() x.min() x.prod() x.T x.item.__name__ x.reshape(3,2) x.reshape(-1) x.flatten() x.ravel()
x.squeeze() x.detach() x.tolist() x.ndim x.is_leaf x.requires_grad x.cumsum(1) x.cumprod(1) x.argmax(1) x.argmin(1)
x.argsort(1) x.diagonal() x.trace() x.round() x.any() x.all() x.clip(0,1) x.swapaxes(0,1) x.transpose(1,0) x[0] x[:,1]
x[-1] x@x.T x*2 2-x x/3 x**2 -x abs(x) torch.exp(x) torch.log(abs(x)+1) torch.sqrt(abs(x)) torch.tanh(x)
torch.sigmoid(x) torch.relu(x) torch.softmax(x,-1) torch.log_softmax(x,-1) torch.logsumexp(x,1) torch.matmul(x,x.T)
torch.maximum(x,x*x) torch.where(x>0,x,0*x) torch.stack([x,x]) torch.vstack([x,x]) torch.hstack([x,x])
torch.outer(x[0],x[1]) torch.dot(x[0],x[1]) torch.einsum("ij,kj->ik",x,x) torch.tril(x) torch.triu(x) torch.diag(x[0])
torch.flip(x,(0,)) torch.tile(x,(2,1)) torch.cumsum(x,0) torch.square(x) torch.sign(x) torch.floor(x) torch.ceil(x)
torch.sin(x) torch.cos(x) torch.expm1(x) torch.log1p(abs(x)) torch.clip(x,-1,1) torch.erf(x) torch.atleast_2d(x[0])
torch.moveaxis(x,0,1) torch.swapaxes(x,0,1) torch.reshape(x,(6,)) torch.squeeze(x) torch.inner(x[0],x[1])
torch.zeros(2,3) torch.ones(2) torch.eye(3) torch.zeros_like(x) torch.ones_like(x) torch.reciprocal(x)
torch.hypot(x,x)
""".split()  # noqa: SIM905  # read more easily than a list


@pytest.mark.oracle
@pytest.mark.parametrize("text", SAME)
def test_what_has_one_name_in_both_gives_the_same(text: str) -> None:
    torch = pytest.importorskip("torch")
    data = np.array([[0.5, -1.5, 2.0], [1.25, 0.75, -0.5]])
    mine = eval(text, {"torch": tg, "x": tg.tensor(data, requires_grad=True), "abs": abs})
    theirs = eval(text, {"torch": torch, "x": torch.tensor(data, requires_grad=True), "abs": abs})
    wanted = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    got = mine.data if isinstance(mine, tg.Tensor) else mine
    if isinstance(got, str | bool | int):
        assert got == wanted
    else:
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
