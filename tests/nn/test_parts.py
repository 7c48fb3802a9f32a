"""Modules and parameters in plain containers are found, named and trained; what cannot be named is refused."""

from __future__ import annotations

import copy
from collections import OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.parts import find_parts

Pair = namedtuple("Pair", "left right")  # the untyped kind is to be found too


def linear() -> nn.Linear:
    return nn.Linear(2, 2, bias=False)


class Holder(nn.Module):
    """A module with one attribute, whatever is put there."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def forward(self, x: Any) -> Any:
        for _, part in self.children():
            x = part(x)
        return x


CONTAINERS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "list": (lambda: [linear(), linear()], ["held.0.W", "held.1.W"]),
    "tuple": (lambda: (linear(), linear()), ["held.0.W", "held.1.W"]),
    "namedtuple": (lambda: Pair(linear(), linear()), ["held.0.W", "held.1.W"]),
    "deque": (lambda: deque([linear()]), ["held.0.W"]),
    "dict": (lambda: {"a": linear(), "b": linear()}, ["held.a.W", "held.b.W"]),
    "numbers for keys": (lambda: {3: linear(), 1: linear()}, ["held.3.W", "held.1.W"]),
    "OrderedDict": (lambda: OrderedDict(a=linear()), ["held.a.W"]),
    "defaultdict": (lambda: defaultdict(list, a=[linear()]), ["held.a.0.W"]),
    "UserList": (lambda: UserList([linear(), 3]), ["held.0.W"]),
    "UserDict": (lambda: UserDict(a=linear(), b=[linear()]), ["held.a.W", "held.b.0.W"]),
    "nested": (lambda: [{"a": (linear(), [linear()])}], ["held.0.a.0.W", "held.0.a.1.0.W"]),
    "mixed": (lambda: ["words", 3, None, linear(), np.ones(2)], ["held.3.W"]),
    "parameters": (lambda: [nn.Parameter([1.0]), {"b": nn.Parameter([1.0])}], ["held.0", "held.1.b"]),
    "a ModuleList inside": (lambda: [nn.ModuleList([linear()])], ["held.0.0.W"]),
    "a list of numbers, then a module": (lambda: [*[1.0] * 1000, linear()], ["held.1000.W"]),
    "a module, then numbers": (lambda: [linear(), *[1.0] * 1000], ["held.0.W"]),
    "many modules": (lambda: [linear() for _ in range(300)], [f"held.{k}.W" for k in range(300)]),
    "many dicts": (lambda: [{"n": k, "at": linear()} for k in range(300)], [f"held.{k}.at.W" for k in range(300)]),
}
every_container = pytest.mark.parametrize("kind", CONTAINERS)


@every_container
def test_what_is_in_a_container_is_found_by_name(kind: str) -> None:
    make, names = CONTAINERS[kind]
    net = Holder(make())
    assert [name for name, _ in net.named_parameters()] == names
    assert list(net.state_dict()) == names
    assert net.parameter_count() == sum(p.size for p in net.parameters())
    part_names = {".".join(name.split(".")[:-1]) for name in names if name.endswith("W")}
    assert {name for name, _ in net.children() if not isinstance(_, nn.ModuleList)} <= part_names | {"held.0"}
    assert len(list(net.modules())) == 1 + sum(isinstance(part, nn.Module) for part in list(net.modules())[1:])
    assert not any(module.training for module in net.eval().modules())


def test_what_is_in_a_view_of_a_dict_is_found_too() -> None:
    layers = {"a": linear()}
    for view, name in ((MappingProxyType(layers), "held.a.W"), (layers.values(), "held.0.W")):
        net = Holder(view)
        assert [one for one, _ in net.named_parameters()] == [name]
        layers["b"] = linear()
        assert len(list(net.parameters())) == 2
        del layers["b"]


@every_container
def test_weights_in_a_container_are_trained_saved_and_copied(kind: str, tmp_path: Any) -> None:
    make, _ = CONTAINERS[kind]
    net, other = Holder(make()), Holder(make())
    tg.save(net, tmp_path / "net.npz")
    other.load_state_dict(tg.load(tmp_path / "net.npz"))
    twin = copy.deepcopy(net)
    for p, q, r in zip(net.parameters(), other.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.data, r.data)
        assert r is not p
    sum((p * p).sum() for p in net.parameters()).backward()  # type: ignore[union-attr]  # a sum of tensors
    before = net.state_dict()
    tg.optim.SGD(net.parameters(), lr=0.1).step()
    assert all((before[name] != array).any() for name, array in net.state_dict().items())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert {p.dtype for p in net.astype(np.float64).parameters()} == {np.dtype(np.float64)}


def scopes_of(y: tg.Tensor) -> list[tuple[str, ...]]:
    return [vertex.scope for vertex in tg.graph_of(y).vertices if vertex.op == "linear"]


@pytest.mark.parametrize("kind", ["list", "tuple", "dict", "nested"])
def test_scopes_are_those_that_a_module_list_gives(kind: str) -> None:
    make, names = CONTAINERS[kind]
    y = Holder(make())(tg.ones(1, 2))
    assert scopes_of(y) == [("holder", name.removesuffix(".W")) for name in names]
    assert names[0].removesuffix(".W") in viz.draw(y).source


class Grown(nn.Module):
    """A list that is filled after it was put into its attribute."""

    def __init__(self) -> None:
        self.layers: list[nn.Module] = []
        self.heads: dict[str, Any] = {}
        for _ in range(2):
            self.layers.append(linear())
        self.heads["a"] = [nn.Parameter([2.0, 2.0])]

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x * self.heads["a"][0]


def test_what_comes_into_a_list_later_is_found_and_named() -> None:
    net = Grown()
    assert [name for name, _ in net.named_parameters()] == ["layers.0.W", "layers.1.W", "heads.a.0"]
    assert scopes_of(net(tg.ones(1, 2))) == [("grown", "layers.0"), ("grown", "layers.1")]
    assert net.heads["a"][0].source.node.label == "heads.a.0"
    net.layers.insert(0, linear())
    assert scopes_of(net(tg.ones(1, 2))) == [("grown", f"layers.{k}") for k in range(3)]
    net.layers[1] = nn.Sequential(linear())
    y = net(tg.ones(1, 2))
    assert scopes_of(y)[1] == ("grown", "layers.1", "layers.1.0")
    del net.layers[0]
    assert [name for name, _ in net.named_parameters()] == ["layers.0.0.W", "layers.1.W", "heads.a.0"]


def test_lists_in_a_cell_are_named_at_the_start_of_a_sequence() -> None:
    class Deep(nn.Cell):
        def __init__(self, D: int, H: int, bias: bool = True) -> None:
            super().__init__(D, H)
            self.layers: list[nn.Module] = []
            self.layers.append(nn.Linear(D, H))

        def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
            y: tg.Tensor = self.layers[0](x) + h
            return y

    y, _ = nn.RNN(2, 2, cell=Deep)(tg.ones(2, 1, 2))
    assert scopes_of(y) == [("rnn", f"t={t}", "layers.0", "layers.0") for t in (1, 2)]
    assert [name for name, _ in nn.RNN(2, 2, cell=Deep).named_parameters()] == [
        "layers.0.layers.0.W", "layers.0.layers.0.b",
    ]  # fmt: skip


def name_when_called(layer: nn.Module) -> str:
    """What its scope is called in a graph."""
    return scopes_of(layer(tg.ones(1, 2)))[0][0]


def test_names_follow_what_is_set_deleted_and_replaced() -> None:
    shared = linear()
    net: Any = Holder(None)
    net.held, net.other = [shared], shared
    assert name_when_called(shared) == "other"
    del net.other
    assert name_when_called(shared) == "held.0"
    net.held = {"x": shared, "y": linear()}
    assert [name for name, _ in net.children()] == ["held.x", "held.y"]
    assert name_when_called(shared) == "held.x"
    net.alone = shared
    net.alone = None
    assert name_when_called(shared) == "held.x"
    net.held = None
    assert list(net.parameters()) == []


def test_a_module_that_replaces_one_in_a_list_has_its_name() -> None:
    net = Holder(nn.ModuleList([linear(), nn.Sequential(linear())]))
    net.held[1].add = linear()
    setattr(net.held, "0", nn.Sequential(linear()))
    new = net.held[0], net.held[0][0], net.held[1], net.held[1][0], net.held[1].add
    assert [name_when_called(part) for part in new] == ["held.0", "held.0.0", "held.1", "held.1.0", "held.1.add"]
    whole = nn.Sequential(nn.Sequential(nn.Sequential(linear())))
    assert scopes_of(whole(tg.ones(1, 2))) == [("sequential", "0", "0.0", "0.0.0")]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: {linear()}, "held is a set that holds a Linear"),
        (lambda: frozenset({nn.Parameter([1.0])}), "held is a frozenset that holds a Parameter"),
        (lambda: [{"a": {linear()}}], r"held.0.a is a set that holds a Linear"),
        (lambda: np.array([linear(), 3], dtype=object), "held is a ndarray that holds a Linear"),
    ],
)
def test_what_has_no_name_in_its_container_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=f"{said}.*ModuleList"):
        Holder(make())
    held = Holder(None)
    vars(held)["held"] = make()
    with pytest.raises(ArgumentError, match=said):
        list(held.parameters())


def test_a_set_that_is_filled_later_is_refused_when_parameters_are_asked_for() -> None:
    net = Holder(set())
    net.held.add(linear())
    for ask in (net.parameters, net.modules, net.named_parameters):
        with pytest.raises(ArgumentError, match="ModuleList"):
            list(ask())


def test_two_names_that_are_one_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"two keys of a dict make the same name, held\.1"):
        Holder({1: linear(), "1": linear()})
    net = Holder([linear()])
    setattr(net, "held.0", linear())
    with pytest.raises(ArgumentError, match=r"two parameters of this Holder are called held\.0\.W"):
        net.state_dict()


LEAVES: list[Callable[[], Any]] = [
    lambda: tg.tensor([1.0], requires_grad=True),
    lambda: [tg.tensor([1.0], requires_grad=True)],
    lambda: {"a": (tg.tensor([1.0], requires_grad=True),)},
]


@pytest.mark.parametrize("make", LEAVES)
def test_a_tensor_that_looks_like_a_weight_is_refused_where_it_is_set(make: Any) -> None:
    net = Holder(None)
    with pytest.raises(ArgumentError, match=r"Holder\.held.* no nn\.Parameter.*detach"):
        net.held = make()
    assert net.held is None
    net.held = [nn.Parameter([1.0]), tg.ones(2), nn.Parameter([1.0]) * 2]  # a weight, a constant, a computed tensor
    assert [name for name, _ in net.named_parameters()] == ["held.0"]


READS = [0]


def counted(kind: Any) -> Any:
    """A container of this kind that counts each element that somebody goes over, or takes out."""

    class Counted(kind):  # type: ignore[misc]  # any of them
        def __iter__(self) -> Any:
            for value in super().__iter__():
                READS[0] += 1
                yield value

        def __getitem__(self, key: Any) -> Any:
            READS[0] += 1
            return super().__getitem__(key)

        def values(self) -> Any:
            return counted(list)(super().values())

    return Counted


def test_long_data_is_not_read_through() -> None:
    Dict, List, Set = counted(dict), counted(list), counted(set)
    n = 10_000
    data = {
        "words": Dict((f"w{k}", k) for k in range(n)),
        "floats": List([0.5] * n),
        "sentences": List([List([1, 2, 3]) for _ in range(n)]),
        "rows": List([Dict(a=1, b=List([2, 3])) for _ in range(n)]),
        "seen": Set({str(k) for k in range(n)}),
    }
    net = Holder(data)
    READS[0] = 0
    assert list(net.parameters()) == []
    assert READS[0] <= 32


def test_containers_in_circles_end() -> None:
    circle: list[Any] = [linear()]
    circle.append({"again": circle})
    assert [name for name, _ in Holder(circle).named_parameters()] == ["held.0.W"]
    long: list[Any] = [1.0] * 1000
    long[0] = long[-1] = long
    assert list(find_parts("x", long, (nn.Module,))) == []
