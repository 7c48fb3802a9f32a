"""The floors of the architecture: imports only point down. Read from the source, not from what happens to be loaded."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.support.imports import ROOT, every_import, imported_by, imports, is_type_checking, modules, within

ENGINE = "tinygrad_lstm.engine"
SPINE = ("scope", "autodiff", "tensor")  # each imports only those before it
TOP_OF_ENGINE = ("record", "naming", "gradients", "backward_events", "creation")
LAYERS = ("nn", "optim", "losses", "masking", "data")
FOREIGN = "tinygrad_lstm.foreign"  # loaded by an error only, and by what is loaded late itself
READERS = ("paths", "gradcheck", "explain", "graph")


def offenders(inside: tuple[str, ...], forbidden: tuple[str, ...], but: tuple[str, ...] = ()) -> list[str]:
    """Every import, by a module inside, of something forbidden."""
    return sorted(
        f"{module} imports {name}"
        for module, names in every_import().items()
        if within(module, *inside)
        for name in names
        if within(name, *forbidden) and not within(name, *but)
    )


def test_the_reader_of_imports_reads_what_matters() -> None:
    source = """
from __future__ import annotations
import a.b as c
from d import e
from . import f
from ..g import h
if TYPE_CHECKING:
    import never
else:
    import always
def inside():
    import late
"""
    assert imports(source, "p.q.r") - {"__future__", "__future__.annotations"} == {
        "a.b", "d", "d.e", "p.q", "p.q.f", "p.g", "p.g.h", "always", "late",
    }  # fmt: skip
    assert imports("from .x import y", "p", is_package=True) == {"p.x", "p.x.y"}
    assert len(every_import()) > 15


# Circles -----------------------------------------------------------------------------------------------------------


def graph_of_imports(imports: dict[str, set[str]], leave_out: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """The modules that each module imports; of a package and a module in it, the module."""
    graph = {}
    for module, names in imports.items():
        found = {name for name in names if name in imports and name != module and not within(name, *leave_out)}
        graph[module] = {name for name in found if not any(other.startswith(name + ".") for other in found)}
    return graph


def circle(graph: dict[str, set[str]]) -> str:
    """Modules that import each other, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(error.args[1])
    return ""


def test_no_modules_import_each_other() -> None:
    """Nor inside functions: only what answers to foreign names is loaded late by what it reads."""
    graph = graph_of_imports(every_import(), leave_out=(FOREIGN,))
    assert len(graph[f"{ENGINE}.record"]) > 5
    assert circle(graph) == ""


def test_a_circle_of_imports_is_found() -> None:
    known = {"p": {"p.a"}, "p.a": {"p", "p.b", "p.b.name"}, "p.b": {"p.c"}, "p.c": {"p.d"}, "p.d": set[str]()}
    assert circle(graph_of_imports(known)) == ""
    assert set(circle(graph_of_imports(known | {"p.d": {"p", "p.a"}})).split(" -> ")) == {"p.a", "p.b", "p.c", "p.d"}
    assert circle(graph_of_imports(known | {"p.d": {"p.a"}}, leave_out=("p.c",))) == ""


def test_ops_have_the_types_of_tensors_from_one_place() -> None:
    """They do not import Tensor; for type checkers only, ``call_types`` has it."""
    wrong = []
    for name, path in modules("tinygrad_lstm/engine/ops"):
        blocks = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if is_type_checking(node)]
        for block in blocks:
            assert isinstance(block, ast.If)
            found = imported_by(ast.Module(block.body, []), name, False)
            wrong += [f"{name}: {one}" for one in found
                      if within(one, ENGINE) and not within(one, f"{ENGINE}.call_types", f"{ENGINE}.ops")]  # fmt: skip
    assert wrong == []


# Floors ------------------------------------------------------------------------------------------------------------


def test_ops_know_no_tensor_and_no_graph() -> None:
    assert offenders((f"{ENGINE}.ops",), ("tinygrad_lstm", "viz"), but=(f"{ENGINE}.ops", "tinygrad_lstm.errors")) == []
    assert offenders(("tinygrad_lstm.errors",), ("tinygrad_lstm", "viz"), but=(FOREIGN,)) == []


def test_the_ops_of_networks_do_not_need_the_rest_of_numpy() -> None:
    more = f"{ENGINE}.ops.more"
    found = offenders((f"{ENGINE}.ops",), (more,))
    assert f"{more}.diagonals imports {more}.rearranging" in found
    assert [line for line in found if not line.startswith(more)] == []


def test_what_answers_to_foreign_names_is_loaded_by_errors_only() -> None:
    allowed = (ENGINE, "tinygrad_lstm.errors", FOREIGN)
    assert offenders((FOREIGN,), ("tinygrad_lstm", "viz"), but=allowed) == []
    used = (
        "import sys, tinygrad_lstm as tg; tg.nn.LSTM; tg.optim.Adam; tg.ones(2, requires_grad=True).sum().backward(); "
    )
    wrong = used + f"print([name for name in sys.modules if name.startswith({FOREIGN!r})])"
    assert subprocess.run([sys.executable, "-c", wrong], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_files_are_written_by_what_knows_only_errors() -> None:
    assert offenders(("tinygrad_lstm.files",), ("tinygrad_lstm", "viz"), but=("tinygrad_lstm.errors",)) == []


@pytest.mark.parametrize("k", range(len(SPINE)))
def test_the_spine_of_the_engine_points_down(k: int) -> None:
    above = tuple(f"{ENGINE}.{name}" for name in (*SPINE[k + 1 :], *TOP_OF_ENGINE))
    assert offenders((f"{ENGINE}.{SPINE[k]}",), above) == []


def test_the_engine_knows_nothing_above_it() -> None:
    assert offenders((ENGINE,), ("tinygrad_lstm", "viz"), but=(ENGINE, "tinygrad_lstm.errors", FOREIGN)) == []
    low = (ENGINE, "tinygrad_lstm.errors", "tinygrad_lstm.arguments", "tinygrad_lstm.escaping")
    for module in ("tinygrad_lstm.graph", "tinygrad_lstm.arguments"):
        assert offenders((module,), ("tinygrad_lstm", "viz"), but=low) == []
    assert offenders(("tinygrad_lstm.tags",), ("tinygrad_lstm", "viz"), but=low) == []
    assert offenders(("tinygrad_lstm.escaping",), ("tinygrad_lstm", "viz")) == []
    assert offenders(("tinygrad_lstm.tables",), ("tinygrad_lstm", "viz"), but=("tinygrad_lstm.escaping",)) == []


def test_transforms_of_functions_stand_on_the_engine_alone() -> None:
    allowed = (ENGINE, "tinygrad_lstm.errors", "tinygrad_lstm.func")
    assert offenders(("tinygrad_lstm.func",), ("tinygrad_lstm", "viz"), but=allowed) == []


def test_chapter_zero_stands_alone() -> None:
    chapters = ("tinygrad_lstm.micro", "tinygrad_lstm.micro_arrays")
    assert offenders(chapters, ("tinygrad_lstm", "viz")) == []
    known_by = offenders(("tinygrad_lstm", "viz"), chapters)
    assert [line for line in known_by if not line.startswith("tinygrad_lstm.learn.")] == []


def test_layers_and_readers_do_not_know_each_other() -> None:
    layers = tuple(f"tinygrad_lstm.{name}" for name in LAYERS)
    readers = tuple(f"tinygrad_lstm.{name}" for name in READERS)
    assert offenders(layers, tuple(name for name in readers if name != "tinygrad_lstm.graph")) == []
    assert offenders(readers, layers) == []


def test_the_library_knows_nothing_of_training_lab_interop_pictures_and_command_line() -> None:
    above = ("tinygrad_lstm.training", "tinygrad_lstm.lab", "tinygrad_lstm.learn", "tinygrad_lstm.interop",
             "tinygrad_lstm.cli", "viz")  # fmt: skip
    library = tuple(f"tinygrad_lstm.{name}" for name in (*LAYERS, *READERS))
    assert offenders(library, above) == []


def test_processes_share_what_the_library_computes_and_know_nothing_above_it() -> None:
    """Nor does anything below know of them: a training does, and the command line."""
    names = ("engine", "errors", "arguments", "distributed", "func", "optim", "__version__")
    below = tuple(f"tinygrad_lstm.{name}" for name in names)
    found = offenders(("tinygrad_lstm.distributed",), ("tinygrad_lstm", "viz"), but=below)
    assert found == ["tinygrad_lstm.distributed.agreement imports tinygrad_lstm"]  # for the version
    layers = tuple(f"tinygrad_lstm.{name}" for name in (*LAYERS, *READERS, "func", "saving"))
    assert offenders((ENGINE, *layers), ("tinygrad_lstm.distributed",)) == []
    users = [m for m, names in every_import().items() if any(within(name, "mpi4py") for name in names)]
    assert users == ["tinygrad_lstm.distributed.ranks"]


def test_pictures_read_the_public_record_only() -> None:
    assert offenders(("viz",), (ENGINE, "tinygrad_lstm.lab", "tinygrad_lstm.learn", "tinygrad_lstm.cli")) == []
    private = [f"{m} imports {n}" for m, names in every_import().items() if within(m, "viz") for n in names
               if n.startswith("tinygrad_lstm.") and any(part.startswith("_") for part in n.split("."))]  # fmt: skip
    assert private == []


def test_nothing_imports_the_command_line() -> None:
    outside = [m for m in every_import() if not within(m, "tinygrad_lstm.cli", "tinygrad_lstm.__main__")]
    found = [f"{m} imports {n}" for m in outside for n in every_import()[m] if within(n, "tinygrad_lstm.cli")]
    assert found == []


def test_only_the_command_line_knows_typer_and_rich() -> None:
    outside = [m for m in every_import() if within(m, "tinygrad_lstm", "viz") and not within(m, "tinygrad_lstm.cli")]
    found = [f"{m} imports {n}" for m in outside for n in every_import()[m] if within(n, "typer", "rich")]
    assert found == []


# Pictures ----------------------------------------------------------------------------------------------------------

VIZ = {  # each part of viz, from the ground up, and the parts that it may import
    "layout": (),
    "style": (),
    "scene": ("style", "layout"),
    "diagram": ("style", "layout"),
    "output": ("scene", "style", "layout"),
    "measure": ("diagram", "style"),
    "encode": ("measure", "diagram", "style"),
    "plots": ("style", "measure", "output"),
    "views": ("encode", "measure", "diagram", "layout", "scene", "style"),
    "figures": ("views", "encode", "measure", "output", "scene", "diagram", "style", "layout"),
    "playback": ("figures", "views", "encode", "measure", "output", "scene", "diagram", "style"),
}


def part_of_viz(module: str) -> str:
    """The part that a module of viz is in; nothing for the package itself."""
    return [*module.split("."), ""][1]


def imports_among(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Which part of viz imports which."""
    pairs = {
        (part_of_viz(module), part_of_viz(name))
        for module, names in imports.items()
        for name in names
        if module.startswith("viz.") and name.startswith("viz.")
    }
    return {(one, other) for one, other in pairs if one != other}


def test_the_parts_of_viz_import_only_what_is_below_them() -> None:
    found = imports_among(every_import())
    assert {part for pair in found for part in pair} <= set(VIZ)
    assert sorted(pair for pair in found if pair[1] not in VIZ[pair[0]]) == []
    order = list(VIZ)
    assert all(order.index(below) < order.index(part) for part, parts in VIZ.items() for below in parts)
    assert len(found) <= 40


def test_an_import_upwards_in_viz_is_found() -> None:
    assert imports_among({"viz.scene.marks": {"viz.views.cells", "viz.layout.geometry"}}) == {
        ("scene", "views"), ("scene", "layout"),
    }  # fmt: skip


def test_each_part_of_viz_keeps_to_its_own_trade() -> None:
    """Only measuring runs a backward pass, only Graphviz's file starts a process, only plots know matplotlib."""
    backward = {
        "backward",
        "backward_events",
        "through",
        "grad",
        "flow",
        "routes",
        "ledger",
        "lag_matrix",
        "strongest_path",
        "horizon",
        "state_jacobian",
    }
    for name, path in modules("viz"):
        tree = ast.parse(path.read_text("utf-8"))
        calls = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call)
                 and isinstance(node.func, ast.Attribute)
                 and ast.unparse(node.func.value).split(".")[0] == "tg"}  # fmt: skip
        if not within(name, "viz.measure", "viz.playback.tape"):
            assert not calls & backward, name
        imported = every_import()[name]
        runs_another_program = any(within(i, "subprocess") for i in imported)
        assert within(name, "viz.output.png_by_graphviz") or not runs_another_program, name
        assert within(name, "viz.plots") or not any(within(i, "matplotlib") for i in imported), name
        assert path.read_text("utf-8").count("\n") <= 300, name
    shadowed = [name for name in every_import() if name.count(".") == 1 and name.startswith("viz.")
                and name.split(".")[1] in ("compare", "difference", "flow", "draw", "player", "describe")]  # fmt: skip
    assert shadowed == []


def test_nothing_in_viz_decides_by_the_name_of_an_op() -> None:
    """Names of ops are keys of tables, signs and templates, and never compared in code."""
    for name, path in modules("viz"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith((".op", ".op.name")):
                words = [c for other in node.comparators for c in ast.walk(other) if isinstance(c, ast.Constant)]
                assert not any(isinstance(word.value, str) for word in words), f"{name}: {ast.unparse(node)}"


def test_one_file_has_the_words_for_time_steps() -> None:
    """Pictures take theirs from ``viz/style/steps.py``; only the player writes some, in its script."""
    written = re.compile(r"""["' ]t = \{|["']every t\b|\} time step|label\(["']t["']""")
    assert all(written.search(line) for line in ('f"t = {t}"', '"every t"', 'f"{n} time step{s}"', 'set_xlabel("t")'))
    found = {name for name, path in modules("viz") if written.search(path.read_text("utf-8"))}
    assert found == {"viz.style.steps"}
