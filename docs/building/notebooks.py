"""Pages that are notebooks, offered as such: every course page has its .ipynb beside it, and a link to it on top."""

from __future__ import annotations

import logging
import os
from pathlib import Path, PurePosixPath

import jupytext
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Add the links to the pages, and write the notebooks at the end of a build."""
    be_quiet(Path(app.outdir).parent / "jupyter")
    app.connect("doctree-resolved", add_link)
    app.connect("build-finished", write)


def be_quiet(folder: Path) -> None:
    """Kernels run with settings of their own, not with a user's, say only what is wrong, and note no progress."""
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n", "utf-8")
    os.environ["IPYTHONDIR"] = str(folder / "ipython")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.environ[name] = str(folder)
    os.environ["TINYGRAD_LSTM_PROGRESS"] = ""  # of the exercises
    logging.getLogger("traitlets").setLevel(logging.WARNING)


def is_notebook(app: Sphinx, name: str) -> bool:
    """Whether a page is a notebook that a reader may want to run."""
    path = Path(app.srcdir) / f"{name}.md"
    if not path.exists():
        return (Path(app.srcdir) / f"{name}.ipynb").exists() and not name.startswith("auto_examples/")
    return name.startswith("course/") and "{code-cell}" in path.read_text("utf-8")


def add_link(app: Sphinx, tree: nodes.document, name: str) -> None:
    """A line under the title of a notebook's page, where the page is HTML."""
    title = next(iter(tree.findall(nodes.title)), None)
    if title is None or app.builder.format != "html" or not is_notebook(app, name):
        return
    file = f"{PurePosixPath(name).name}.ipynb"
    link = nodes.reference("", "Download this page as a notebook", refuri=file, internal=False)
    line = nodes.paragraph("", "", link, classes=["as-notebook"])
    title.parent.insert(title.parent.index(title) + 1, line)


def write(app: Sphinx, failure: Exception | None) -> None:
    """The notebooks themselves, without results: a reader's own run makes them."""
    if failure is not None or app.builder.format != "html":
        return
    for name in app.env.found_docs:
        if is_notebook(app, name):
            source = Path(app.env.doc2path(name))
            notebook = notebook_of(source.read_text("utf-8"), "md:myst" if source.suffix == ".md" else "ipynb")
            jupytext.write(notebook, Path(app.outdir) / f"{name}.ipynb", fmt="ipynb")


def notebook_of(text: str, format: str) -> NotebookNode:
    """The notebook that a page is, without results.

    >>> page = "---\\nkernelspec:\\n  name: python3\\n---\\n# A title\\n\\n```{code-cell}\\n1 + 1\\n```"
    >>> [(cell.cell_type, cell.source) for cell in notebook_of(page, "md:myst").cells]
    [('markdown', '# A title'), ('code', '1 + 1')]
    """
    name, shown = "\n  name: python3\n", "  display_name: Python 3\n"  # jupytext asks for the second
    if shown not in text:
        text = text.replace(name, name + shown, 1)
    notebook = jupytext.reads(text, fmt=format)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook
