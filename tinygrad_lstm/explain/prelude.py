"""The text of functions, so that a program can be written which needs nothing of this package.

A primitive is a NumPy function with its derivatives beside it, and each has a text in a source file: that text *is* the
program. A lambda, or a def of one ``return``, is written where it is called; any other function goes to the top of the
program, with the functions and constants that it uses in turn.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import math
import sys
import types
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.contributions import repeated_axes
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.errors import UnsupportedError
from tinygrad_lstm.escaping import identifier
from tinygrad_lstm.explain.source import definition, drop_docstring, module_level, one_expression
from tinygrad_lstm.explain.texts import rewrite

Function: TypeAlias = Callable[..., Any]
SIGNS = {"add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "true_divide": ast.Div, "matmul": ast.MatMult}
PLAIN: tuple[Any, ...] = (bool, int, float, complex, str, types.NoneType, types.EllipsisType)
OWN_NAMES = (ast.comprehension, ast.Lambda, ast.NamedExpr)  # these bind names, with which an argument's could clash


class Prelude:
    """What stands above the program: imports, constants and functions, each once and before its first use."""

    def __init__(self, taken: set[str]) -> None:
        self.imports: dict[str, str] = {"numpy": "np"}  # module -> its name here
        self.texts: dict[str, str] = {}
        self._taken = taken  # all names of the program, to which its writer adds as well
        self._names: dict[Any, str] = {}
        self._templates: dict[Function, tuple[list[str], list[str]]] = {}  # in pieces, and the parameters

    def __str__(self) -> str:
        imports = [f"import {module}" + f" as {name}" * (module != name) for module, name in self.imports.items()]
        return "\n".join(imports) + "\n" + "".join(f"\n\n{text}\n" for text in self.texts.values())

    def call(self, function: Function, name: str, argument: Callable[[str], str], *first: str) -> str:
        """The function of its arguments, each a piece of text that needs no brackets, as an expression.

        Its first parameters, whatever they are called, are the ``first`` ones; the others are looked up by name.
        """
        if function not in self._templates:
            plain = inspect.unwrap(function)
            pieces = self._template(plain, name).split("\0")
            self._templates[function] = pieces, list(inspect.signature(plain).parameters)
        pieces, parameters = self._templates[function]
        given = dict(zip(parameters, first, strict=False))
        texts = [piece if k % 2 == 0 else given.get(piece) or argument(piece) for k, piece in enumerate(pieces)]
        text = "".join(texts)
        return rewrite(text, _with_needed_brackets) if "(-" in text else text

    def _template(self, function: Function, name: str) -> str:
        """Such an expression with ``\\0x\\0`` in the place of each parameter x."""
        found, parameters = definition(function), inspect.signature(function).parameters
        value = None if found is None else one_expression(found)
        if value is not None and not any(isinstance(node, OWN_NAMES) for node in ast.walk(value)):
            return ast.unparse(_with_sign(self._resolve(value, function, {x: f"\0{x}\0" for x in parameters})))
        called = self._function(function, name)
        listed = (
            f"\0{x}\0" if p.default is p.empty and p.kind is not p.KEYWORD_ONLY else f"{x}=\0{x}\0"
            for x, p in parameters.items()
        )
        return f"{called}({', '.join(listed)})"

    def _function(self, function: Function, name: str) -> str:
        """Write the function above the program; returns its name there."""
        function = inspect.unwrap(function)
        if function not in self._names:
            found = definition(function)
            if found is None:
                raise UnsupportedError(
                    f"{name} cannot be written as a program: the source of {function!r} is not known"
                )
            called = self._names[function] = self._free(name)
            body: list[ast.stmt] = (
                [ast.Return(found.body)] if isinstance(found, ast.Lambda) else drop_docstring(found.body)
            )
            plain = ast.FunctionDef(called, copy.deepcopy(found.args), copy.deepcopy(body), [], lineno=0, col_offset=0)
            for part in ast.walk(plain):
                if isinstance(part, ast.arg):
                    part.annotation = None
            self.texts[called] = ast.unparse(ast.fix_missing_locations(self._resolve(plain, function, {})))
        return self._names[function]

    def _free(self, name: str) -> str:
        name = free = identifier(name)
        k = 1
        while free in self._taken or hasattr(builtins, free):
            free, k = f"{name}_{k}", k + 1
        self._taken.add(free)
        return free

    def _import(self, module: str, name: str) -> str:
        """The name of a module in the program: the wished one, unless something else has it."""
        if module not in self.imports:
            if not all(part.isidentifier() for part in module.split(".")):
                raise UnsupportedError(f"a program cannot import a module called {module!r}")
            self.imports[module] = self._free(name)
        return self.imports[module]

    def _resolve(self, tree: Any, function: Function, names: dict[str, str]) -> Any:
        """A copy of the tree in which every global name is one that the program knows."""
        own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        own |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        closure = inspect.getclosurevars(function).nonlocals
        known = {**function.__globals__, **closure} if isinstance(function, types.FunctionType) else closure
        tree = copy.deepcopy(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Name) or node.id in own:
                continue
            if node.id in names:
                node.id = names[node.id]
            elif node.id in known:
                node.id = self._global(node.id, known[node.id], function)
            elif hasattr(builtins, node.id):
                node.id = f"{self._import('builtins', 'builtins')}.{node.id}" if node.id in self._taken else node.id
            else:
                raise UnsupportedError(f"{function.__name__} cannot be written as a program: what is {node.id}?")
        return tree

    def _global(self, name: str, value: Any, function: Function) -> str:
        """How the program writes a value that a function knows by this name."""
        if value is IndexedCotangent:
            return ""  # the call becomes the pair (where, values)
        if isinstance(value, types.ModuleType):
            return self._import(value.__name__, name)
        if isinstance(value, Primitive):
            return self._function(value.forward, name)
        if isinstance(inspect.unwrap(value), types.FunctionType) and definition(value) is not None:
            return self._function(value, name)
        if isinstance(value, PLAIN) and (text := atom(value)) is not None:
            return text
        module, own = getattr(value, "__module__", None) or "", getattr(value, "__name__", "")
        if own and getattr(np, own, None) is value:
            return f"np.{own}"
        if own and own.isidentifier() and getattr(sys.modules.get(module), own, None) is value:
            return f"{self._import(module, module.split('.')[-1])}.{own}"
        constant = module_level(function, name)
        if constant is None:
            raise UnsupportedError(f"{function.__name__} cannot be written as a program: it uses {name}, {value!r:.60}")
        if (name, id(value)) not in self._names:
            called = self._names[name, id(value)] = self._free(name)
            self.texts[called] = f"{called} = {ast.unparse(self._resolve(constant, function, {}))}"
        return self._names[name, id(value)]


def _with_sign(tree: ast.expr) -> ast.expr:
    """``np.add(a, b)`` as ``a + b``: as one would write it."""
    if not isinstance(tree, ast.Call) or len(tree.args) != 2 or tree.keywords:
        return tree
    sign = SIGNS.get(ast.unparse(tree.func).removeprefix("np."))
    return tree if sign is None else ast.BinOp(tree.args[0], sign(), tree.args[1])


def _with_needed_brackets(text: str) -> str:
    return ast.unparse(ast.parse(text, mode="eval"))


def drop_defaults(text: str) -> str:
    """A call of a NumPy function without the options that it takes by itself.

    >>> drop_defaults("np.sum(x, axis=None, keepdims=False)")
    'np.sum(x)'
    """
    return rewrite(text, _drop_defaults) if text.startswith("np.") and "=" in text else text


def _drop_defaults(text: str) -> str:
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call):
        return text
    function: Any = getattr(np, ast.unparse(call.func).removeprefix("np."), None)
    if not isinstance(inspect.unwrap(function), types.FunctionType):
        return text  # a ufunc has no signature to read
    defaults = {name: repr(p.default) for name, p in inspect.signature(function).parameters.items()}
    defaults["keepdims"] = "False"  # in the signature it is a mark that stands for False
    call.keywords = [given for given in call.keywords if defaults.get(given.arg or "") != ast.unparse(given.value)]
    return ast.unparse(call)


def atom(value: Any) -> str | None:
    """A plain value as text that needs no brackets; None for what is better handed in, e.g. a large array."""
    if isinstance(value, np.ndarray):
        if not value.size and value.dtype.kind in "biufc":
            return f"np.zeros({value.shape}, {str(value.dtype)!r})"
        return f"np.array({np.ndarray.tolist(value)!r}, {str(value.dtype)!r})" if _is_small(value) else None
    if isinstance(value, np.generic):
        kind = value.dtype.type
        is_number = value.dtype.kind in "biufc" and np.isfinite(value)
        return f"np.{kind.__name__}({kind.item(value)!r})" if is_number else None
    if isinstance(value, np.dtype):
        return repr(str(value))
    if isinstance(value, type):
        kind = np.dtype(value).type if value in (bool, int, float, complex) else value
        return f"np.{kind.__name__}" if getattr(np, kind.__name__, None) is kind else None
    if isinstance(value, slice):
        parts = [atom(part) for part in (value.start, value.stop, value.step)]
        return None if None in parts else f"np.s_[{':'.join('' if part == 'None' else str(part) for part in parts)}]"
    if isinstance(value, tuple | list):
        parts = [atom(part) for part in value]
        text = ", ".join(map(str, parts)) + ("," if len(parts) == 1 and isinstance(value, tuple) else "")
        return None if None in parts else f"({text})" if isinstance(value, tuple) else f"[{text}]"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "(-np.inf)"
    if isinstance(value, complex) and not (math.isfinite(value.real) and math.isfinite(value.imag)):
        return None
    plain = next((kind for kind in PLAIN if isinstance(value, kind)), None)
    if plain is None:
        return None
    text = "..." if value is Ellipsis else plain.__repr__(value)  # not that of a subclass, which may say anything
    return f"({text})" if text.startswith("-") else text


def _is_small(array: Any) -> bool:
    return array.size <= 16 and array.dtype.kind in "biuf" and bool(np.isfinite(array).all())


def bracket(text: str) -> str:
    """The text as a summand."""
    return rewrite(text, _bracket)


def _bracket(text: str) -> str:
    tree = ast.parse(text, mode="eval").body
    is_sum = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub)
    return f"({text})" if is_sum or isinstance(tree, ast.IfExp | ast.Compare | ast.BoolOp) else text


def unbroadcast(text: str, long: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """The text of a sum over the axes along which an input of this shape was repeated."""
    axes = repeated_axes(long, shape)
    total = f"np.sum({text}, axis={axes})" if axes else text
    return total if len(axes) == len(long) - len(shape) and axes else f"np.reshape({total}, {shape})"
