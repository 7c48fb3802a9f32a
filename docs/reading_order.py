"""Write docs/reading-order.md anew: python docs/reading_order.py

The order is the list below: every file needs only files before it, and tests/system/test_docs.py holds that. What
a file holds is the first line of its docstring, and its lines are counted. A new file needs its name here, and one run.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reading-order.md"

CHAPTERS = {
    "The whole idea, with plain numbers": ["tinygrad_lstm/{micro,micro_arrays}.py"],
    "An op and its derivatives": [
        "tinygrad_lstm/errors.py",
        "tinygrad_lstm/engine/ops/{rules,wide,primitive,dtypes,arithmetic,nonlinear,linear,indexing}.py",
    ],
    "Forward: an op runs, and the graph grows": [
        "tinygrad_lstm/engine/ops/{binding,plan}.py",
        "tinygrad_lstm/engine/{blocks,modes,call_site,scope,node,handle,arrays,literals,record}.py",
    ],
    "Backward: the loop": [
        "tinygrad_lstm/engine/{through,changes,contributions,autodiff}.py",
    ],
    "Tensors, as users have them": [
        "tinygrad_lstm/engine/ops/{reductions,softmax,shapes}.py",
        "tinygrad_lstm/engine/ops/{composite,ufuncs,products,contractions,picking,rearranging,diagonals,norms}.py",
        "tinygrad_lstm/engine/{absent,numpy_calls,numpy_protocol,methods,operators,copying,hooks,tensor}.py",
        "tinygrad_lstm/engine/{call_types,gradients,creation,naming}.py",
    ],
    "What falls out of it": [
        "tinygrad_lstm/foreign/{names,arguments,answers}.py",
        "tinygrad_lstm/{escaping,tables,arguments,tags,graph,finite_differences}.py",
        "tinygrad_lstm/func/{structures,run,transforms,checkpoint}.py",
    ],
    "Seeing what backward does": [
        "tinygrad_lstm/explain/{source,values,prelude,program,formulas,trace,anomaly,evidence,why}.py"
    ],
    "Networks": [
        "tinygrad_lstm/nn/{options,init,parts,copying,counting,missing,calls,module,activations,layers,context}.py",
        "tinygrad_lstm/nn/{cells,unroll,fused,separate}.py",
        "tinygrad_lstm/nn/{lstm_variants,gru_variants,packing,lists,recurrent,scan,wrappers,truncated,utils}.py",
        "tinygrad_lstm/{masking,losses}.py",
        "tinygrad_lstm/nn/{functional,criteria}.py",
    ],
    "Where the gradient went": [
        "tinygrad_lstm/paths/{edges,routes,ledger,lag,flow,jacobian,strongest}.py",
    ],
    "Learning": [
        "tinygrad_lstm/optim/{options,optimizer,sgd,adagrad,rmsprop,adam,scheduler,schedules,one_cycle,plateau,lr_scheduler}.py",
        "tinygrad_lstm/data.py",
        "tinygrad_lstm/training/{baselines,char_model,fit,adding,vanishing}.py",
    ],
    "Weights in files": [
        "tinygrad_lstm/files.py",
        "tinygrad_lstm/saving/{structure,archive,npz,safetensors,__init__}.py",
        "tinygrad_lstm/interop/{layout,torch,keras}.py",
        "tinygrad_lstm/interop/onnx/{graph,operators,exporting,loading}.py",
    ],
    "Graph drawing": [
        "viz/fonts.py",
        "viz/layout/{geometry,ports,ranks,ordering,heights,bends,layered}.py",
        "viz/layout/{blocks,lanes,panels,rows,timeline}.py",
    ],
    "Pictures": [
        "viz/{style,scale,scene,svg,dot,render,notebook,picture}.py",
        "viz/{names,places,routing,opview}.py",
        "viz/{templates,own,roles,outside,finder,sweep,fold}.py",
        "viz/{tooltip,legend,paint,band,foldview,bandlines,cellview}.py",
        "viz/{describe,chains,opfold,views}.py",
    ],
    "Pictures of several runs, and of other numbers": ["viz/{normplot,compare,difference,stream,sankey}.py"],
    "The page that steps through backpropagation": ["viz/stepping/{tape,words,figure,page,player}.py"],
    "Plots": ["viz/plots/{display,canvas,steps,heat,lags,bars,memory,curves}.py"],
    "The command line": ["tinygrad_lstm/cli/{output,demo_results,demo_pictures,demo_page,demo,app,__init__}.py"],
}

HEAD = """# The code in reading order

Every file needs only the files before it. A reader of the first chapter, *An op and its derivatives* and *The engine*
knows how reverse mode works here; the rest falls out of that. A file is one idea, and says it in its first line.
"""
FOOT = """
The other `__init__.py` files only say what a package exports. This page is written by `python docs/reading_order.py`.
"""


def files(names: list[str]) -> list[Path]:
    """The paths that names such as ``a/{b,c}.py`` stand for."""
    paths = []
    for name in names:
        before, brace, rest = name.partition("{")
        inside, _, after = rest.partition("}")
        paths += [ROOT / (before + part + after) for part in inside.split(",")] if brace else [ROOT / name]
    return paths


def idea(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0].replace("|", "\\|")


def lines(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_text("utf-8").splitlines())


def page() -> str:
    """The page as it should be."""
    text = HEAD
    for number, (title, names) in enumerate(CHAPTERS.items()):
        paths = files(names)
        text += f"\n## {number}. {title} ({sum(map(lines, paths)):,} lines)\n\n"
        text += "| file | lines | what it holds |\n|---|---:|---|\n"
        for path in paths:
            name = path.relative_to(ROOT).as_posix()
            text += f"| [`{name.removeprefix('tinygrad_lstm/')}`](../{name}) | {lines(path)} | {idea(path)} |\n"
    return text + FOOT


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
