"""Write docs/reading-order.md: python docs/reading_order.py; with --lines, print how long files and chapters are.

The order is the list below: every file needs only files before it, but for errors, which may be looked up where they
are raised (exceptions, and functions that make one). tests/system/test_docs.py holds that, and the length of the
chapters up to the backward loop. What a file holds is the first line of its docstring. A new file needs its name here,
and one run. The page has no counts of lines, so that it changes only when a file comes, goes, or gets another first
line.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reading-order.md"

CHAPTERS = {
    "The whole idea, with plain numbers": ["tinygrad_lstm/{micro,micro_arrays}.py"],
    "An op and its derivatives": [
        "tinygrad_lstm/engine/ops/{rules,primitive,arithmetic,nonlinear,linear,indexing}.py",
    ],
    "Forward: an op runs, and the graph grows": [
        "tinygrad_lstm/engine/ops/plan.py",
        "tinygrad_lstm/engine/{current,call_site,node,handle,record}.py",
    ],
    "Backward: the loop": ["tinygrad_lstm/engine/{contributions,autodiff}.py"],
    "What may be set, and what is refused": [
        "tinygrad_lstm/errors.py",
        "tinygrad_lstm/engine/{arrays,blocks,modes,scope,through,recorded_rules,rule_calls}.py",
        "tinygrad_lstm/engine/{source_line,changes,failures}.py",
    ],
    "Any call of an op": [
        "tinygrad_lstm/engine/ops/{wide,dtypes,binding}.py",
        "tinygrad_lstm/engine/{literals,calls}.py",
    ],
    "Tensors, as users have them": [
        "tinygrad_lstm/engine/ops/{choices,reductions,softmax,shapes}.py",
        "tinygrad_lstm/engine/ops/more/{composite,ufuncs,activations,products,contractions,picking,rearranging,diagonals,norms}.py",
        "tinygrad_lstm/engine/{absent,numpy_calls,numpy_protocol,methods,operators,copying,hooks,collector,tensor}.py",
        "tinygrad_lstm/engine/{call_types,gradients,backward_events,creation,naming,outputs,kept}.py",
    ],
    "What falls out of it": [
        "tinygrad_lstm/foreign/{names,arguments,answers}.py",
        "tinygrad_lstm/{escaping,tables,arguments,torch_modules,tags,graph,finite_differences}.py",
        "tinygrad_lstm/func/{structures,run,transforms,marks,checkpoint}.py",
    ],
    "Seeing what backward does": [
        "tinygrad_lstm/explain/{source,values,texts,prelude,writer,program,formulas,trace,anomaly,evidence,why,memory}.py"
    ],
    "Compiling a recording": [
        "tinygrad_lstm/compiling/{watching,surroundings,arguments,recording}.py",
        "tinygrad_lstm/compiling/{lines,sums,merging,repeats,rolling,factors,batching,lives,keeping,places,loops,writing,compiled,step}.py",
    ],
    "Networks": [
        "tinygrad_lstm/nn/{options,init,parts,copying,parameter_counts,missing,calls,module}.py",
        "tinygrad_lstm/nn/{activations,layers,context}.py",
        "tinygrad_lstm/nn/{cells,steps,in_chunks,unroll,fused_rnn,fused_lstm,fused_gru,fused,separate}.py",
        "tinygrad_lstm/nn/{lstm_variants,gru_variants,activated_cells,packing,lists,recurrent,scan,wrappers,truncated,utils}.py",
        "tinygrad_lstm/nn/{attention,architecture}.py",
        "tinygrad_lstm/{masking,losses}.py",
        "tinygrad_lstm/nn/{functional,criteria}.py",
    ],
    "Where the gradient went": [
        "tinygrad_lstm/paths/{edges,routes,ledger,lag,flow,jacobian,strongest,meeting,depth,pinned}.py",
    ],
    "Learning": [
        "tinygrad_lstm/optim/{domains,options,optimizer,sgd,adagrad,rmsprop,adam,scheduler,schedules,one_cycle,plateau,lr_scheduler}.py",
        "tinygrad_lstm/data/{task,characters,words,quantities,symbols,images}.py",
    ],
    "More than one process": [
        "tinygrad_lstm/distributed/{ranks,cutting,summing,agreement,data_parallel}.py",
    ],
    "Weights in files": [
        "tinygrad_lstm/files.py",
        "tinygrad_lstm/saving/{structure,archive,npz,safetensors,shards,__init__}.py",
        "tinygrad_lstm/interop/layout.py",
        "tinygrad_lstm/interop/keras/{weights,files,masks,models,writing}.py",
        "tinygrad_lstm/interop/torch/{weights,layers,functions,mirror,runs}.py",
        "tinygrad_lstm/interop/onnx/{graph,operators,parts,exporting,scopes,loading}.py",
        "tinygrad_lstm/interop/{files,exporting}.py",
    ],
    "Training": [
        "tinygrad_lstm/training/{interrupts,update,checkpoints,training,logs,sequence_model,baselines,char_model,fit,belt,vanishing,memory,speed}.py",
    ],
    "Graph drawing": [
        "viz/style/fonts.py",
        "viz/layout/{geometry,arrowheads,ports,ranks,ordering,heights,bends,layered}.py",
        "viz/layout/{panels,blocks,lanes,row,timeline}.py",
    ],
    "Pictures: marks in their places, and the files they are written to": [
        "viz/style/{text,steps,theme,stroke,width_scales}.py",
        "viz/scene/{marks,legend}.py",
        "viz/output/{svg,dot,sizes,png_by_graphviz,dot_layout,files,notebook,picture}.py",
    ],
    "Pictures: what there is to draw, and what is known of it": [
        "viz/diagram/{names,templates,view_templates,masks,derived,cellgraph,reads,surroundings,matching,folding,projection}.py",
        "viz/measure/{backward,gradient,flow}.py",
        "viz/encode/{encoding,legend_words,values,gradients,ratios,flows}.py",
    ],
    "Pictures: the cell view and the op view": [
        "viz/views/{tooltips,ends,time_axis,rows,folds,links,lit,cells,header,words}.py",
        "viz/diagram/{collapse,blocks}.py",
        "viz/encode/operations.py",
        "viz/views/{operation_places,shape_labels,operations,graph_words}.py",
        "viz/figures/{cell_views,options,selection,composition,operations,draw,gradient_paths}.py",
    ],
    "Pictures of several runs, and of other numbers": [
        "viz/views/norms.py",
        "viz/figures/{runs,run_words,compare,difference,flow}.py",
    ],
    "The page that steps through backpropagation": ["viz/playback/{tape,sentences,laws,page,player}.py"],
    "Plots": ["viz/plots/{display,canvas,steps,gate_values,lags,bars,memory,attention,training,scores,surface}.py"],
    "The teaching notes as claims": [
        "tinygrad_lstm/lab/{conditions,result,claim,catalogue,cells,problem,core,equations}.py",
        "tinygrad_lstm/lab/{learning,trained,dependencies,gates,belt,why,variants,tips,better,summary}.py",
        "tinygrad_lstm/lab/{training,gradients,tricks,attention,drawbacks_a,drawbacks_b,drawbacks_c}.py",
        "tinygrad_lstm/pages/__init__.py",
        "tinygrad_lstm/lab/report.py",
    ],
    "Exercises that check themselves": [
        "tinygrad_lstm/learn/{verdict,progress,exercise,course,answers,compare,walks,counted}.py",
        "tinygrad_lstm/learn/{chapter_00,chapter_01,chapter_02,chapter_03,chapter_04,chapter_05}.py",
        "tinygrad_lstm/learn/{chapter_06,chapter_07,chapter_08,chapter_09,chapter_10,chapter_11}.py",
    ],
    "The command line": [
        "tinygrad_lstm/cli/{output,messages,progress}.py",
        "tinygrad_lstm/demo/{results,pictures,page,learning}.py",
        "tinygrad_lstm/cli/{demo,claims}.py",
        "tinygrad_lstm/cli/{cells,onnx_nodes,draw,flow,gradients,check,trace,inspect,export,bench,train,learn,app,__init__}.py",
    ],
}

HEAD = """# The code in reading order

Every file needs only the files before it. The only exception is errors: an exception, or a function that makes one, may
come from a later file; look it up there if you need it. Special words are in the [glossary](glossary.md). A reader of
the chapters 0 to 3 knows how reverse mode works here; the rest follows from that. A file is one idea, and says it in
its first line. `python docs/reading_order.py --lines` prints how long each file is.
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
        text += f"\n## {number}. {title}\n\n| file | what it holds |\n|---|---|\n"
        for path in files(names):
            name = path.relative_to(ROOT).as_posix()
            text += f"| [`{name.removeprefix('tinygrad_lstm/')}`](../{name}) | {idea(path)} |\n"
    return text + FOOT


def lengths() -> str:
    """How many lines each chapter and each of its files has."""
    text = ""
    for number, (title, names) in enumerate(CHAPTERS.items()):
        paths = files(names)
        text += f"{sum(map(lines, paths)):6,}  {number}. {title}\n"
        text += "".join(f"{lines(path):6,}      {path.relative_to(ROOT).as_posix()}\n" for path in paths)
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--lines"]:
        print(lengths(), end="")
    else:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
