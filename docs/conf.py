"""How Sphinx builds the site: ``make docs`` runs it on this folder. What it needs beyond Sphinx is in building/."""

import sys
from importlib.util import find_spec
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from building import examples, gallery, links, mathjax, navigation, notebooks, pictures, reference, sources

import tinygrad_lstm

project = "tinygrad_lstm"
author = "the authors of tinygrad_lstm"
version = release = tinygrad_lstm.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "building", "auto_examples/*.ipynb", "course/solutions"]
templates_path = ["_templates"]

# Pages: MyST notebooks, run at every build. ``cell_timeout`` is in seconds.
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_excludepatterns = ["auto_examples/*"]
if find_spec("torch") is None:  # too large to be asked for: the page stands without outputs then, and says so
    nb_execution_excludepatterns.append("from_a_training_script*")
nb_merge_streams = True
nb_output_stderr = "remove-warn"  # what a page prints there is a fault of the page

# The reference
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("ArrayLike", "DTypeLike")}  # NumPy's names, not what they stand for
add_module_names = False
toc_object_entries_show_parents = "hide"

# The scripts of examples/
sphinx_gallery_conf = examples.settings()

mathjax_path = mathjax.PATH
html_theme = "furo"
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_title = "tinygrad_lstm"
html_static_path = ["_static"]
html_css_files, html_js_files = ["pictures.css", "site.css"], [("site.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0060a0", "color-brand-content": "#0060a0"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f5", "color-brand-content": "#7cc4f5"},
    "navigation_with_keys": True,
}


def setup(app):  # noqa: D103  # Sphinx looks for it
    for part in (examples, gallery, links, mathjax, navigation, notebooks, pictures, reference, sources):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
