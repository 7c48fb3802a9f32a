"""The scripts of examples/ as pages, made by sphinx-gallery: each runs, and its pictures stand below its code.

sphinx-gallery wants a docstring that begins with a title in reStructuredText. Ours begin with a sentence, so it gets
copies. It runs them as ``python example.py --quick --out FOLDER``; a picture is a file that appears in that folder.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from viz.output.notebook import beside_others

DOCS = Path(__file__).resolve().parent.parent
SCRIPTS = DOCS.parent / "examples"
COPIES = DOCS / "_build" / "examples"
PICTURES = COPIES / "out"  # beside the copies, which sphinx-gallery runs in their folder: no page names this machine's
HEAD = """Examples
========

Numbered scripts, each one idea: ``python examples/01_scalar_chain.py`` prints its numbers and draws its picture into
``out/``, in a checkout of the project. What stands here was run when this site was built, with ``--quick``.
"""


def settings() -> dict[str, Any]:
    """What sphinx-gallery is to do."""
    return {
        "examples_dirs": str(COPIES), "gallery_dirs": "auto_examples", "filename_pattern": executed(),
        "within_subsection_order": "FileNameSortKey", "reset_argv": "building.examples.arguments",
        "image_scrapers": ("building.examples.scrape",), "reset_modules": (), "capture_repr": (),
        "write_computation_times": False, "download_all_examples": False, "show_signature": False,
        "min_reported_time": 1e9, "abort_on_example_error": True,
        "notebook_extensions": set(),  # a script reads its command line, which a notebook does not have
    }  # fmt: skip


def executed() -> str:
    """A pattern of the scripts that run here: all but those that need a package that is not installed."""
    names = [path.name for path in sorted(SCRIPTS.glob("[0-9]*.py")) if can_run(path)]
    return f"/({'|'.join(map(re.escape, names))})$"


def can_run(script: Path) -> bool:
    """Whether all packages that a script imports are there."""
    found = set()
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return all(find_spec(name) is not None for name in found - {"command_line"})  # which stands beside the scripts


def copy(script: Path) -> None:
    """Write a script's copy, whose docstring has a title; an older copy of the same text stays as it is."""
    text = script.read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(text), clean=False)
    if docstring is None:
        raise ExtensionError(f"{script.name} has no docstring, whose first line is the title of its page")
    copied = COPIES / script.name
    headed = text.replace(docstring, with_title(docstring), 1)
    if not copied.exists() or copied.read_text("utf-8") != headed:
        copied.write_text(headed, "utf-8")


def with_title(docstring: str) -> str:
    """The docstring with its first words as a title; one that has a title is left alone.

    >>> print(with_title("Why an order: the same graph walked twice.\\n\\nMore."))
    Why an order
    ============
    <BLANKLINE>
    The same graph walked twice.
    <BLANKLINE>
    More.
    """
    first, _, rest = docstring.strip().partition("\n")
    if re.match(r"([=\-~#*])\1{2,}\s*$", rest.partition("\n")[0]):
        return docstring
    title, _, said = first.partition(": ")
    title = title.rstrip(".")
    said = said[:1].upper() + said[1:]
    return f"{title}\n{'=' * len(title)}\n\n{said}{chr(10) if said else ''}{rest}"


def arguments(gallery: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """The arguments of a script on its command line."""
    return ["--quick", "--out", f"{PICTURES.name}/{Path(script['src_file']).stem}"]


def scrape(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """What a script has drawn since its last block, as reStructuredText."""
    folder = PICTURES / Path(variables["src_file"]).stem
    done = variables.setdefault("scraped", set())
    found = [path for path in sorted(folder.glob("*")) if path not in done and path.suffix in SHOW]
    done |= set(found)
    return "\n\n".join(SHOW[path.suffix](path, variables) for path in found)


def show_drawing(path: Path, variables: dict[str, Any]) -> str:
    """An SVG: one of viz within the page, so that it follows the page's theme; any other as an image."""
    svg = path.read_text("utf-8")
    if 'class="viz' not in svg:
        return show_image(path, variables)
    numbered(path, variables)
    return ".. raw:: html\n\n" + indent(beside_others(svg[svg.index("<svg") :]), "    ")


def show_image(path: Path, variables: dict[str, Any]) -> str:
    """An image."""
    image = numbered(path, variables).relative_to(DOCS).as_posix()
    return f".. image:: /{image}\n    :alt: {path.stem.replace('_', ' ')}\n    :class: plotted"


def show_page(path: Path, variables: dict[str, Any]) -> str:
    """A page of its own, such as a player's."""
    kept = DOCS / "auto_examples" / "pages" / path.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, kept)
    return f"It also wrote a page: :download:`{path.name} </auto_examples/pages/{path.name}>`."


def numbered(path: Path, variables: dict[str, Any]) -> Path:
    """The picture where sphinx-gallery looks for one, to make the small one of the overview."""
    image = Path(variables["image_path_iterator"].next()).with_suffix(path.suffix)
    shutil.copy(path, image)
    return image


SHOW = {".svg": show_drawing, ".png": show_image, ".html": show_page}


def prepare(app: Sphinx) -> None:
    """Write the copies and the head of the overview; take away what scripts of another name have left."""
    sys.path.append(str(SCRIPTS))
    COPIES.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(PICTURES, ignore_errors=True)
    (COPIES / "GALLERY_HEADER.rst").write_text(HEAD, "utf-8")
    scripts = sorted(SCRIPTS.glob("[0-9]*.py"))
    for gone in {path.name for path in COPIES.glob("*.py")} - {path.name for path in scripts}:
        (COPIES / gone).unlink()
    for script in scripts:
        copy(script)


def name_small_pictures(app: Sphinx, tree: nodes.document) -> None:
    """The overview's pictures say of which example they are."""
    for image in tree.findall(nodes.image):
        if "sphx_glr_" in image["uri"] and not image.get("alt"):
            image["alt"] = re.sub(r".*sphx_glr_(.*?)(_thumb)?\.\w+$", r"\1", image["uri"]).replace("_", " ")


def setup(app: Sphinx) -> None:
    """Before sphinx-gallery looks for the scripts."""
    app.connect("builder-inited", prepare, priority=1)
    app.connect("doctree-read", name_small_pictures)
