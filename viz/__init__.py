"""Pictures of graphs, and of where the gradient went.

``draw`` shows what a tensor was computed from, or an unrolled cell; ``gradient_paths`` shows how much gradient went
along every line of it, ``describe`` says so in words. All of it is read from the graph's public record.

The arrows need Graphviz to become an image: ``dot`` on the PATH, or ``pip install "tinygrad-lstm[viz]"``.
"""

from viz.compare import compare
from viz.difference import difference
from viz.picture import Picture
from viz.render import RenderError
from viz.views import describe, draw, gradient_paths

__all__ = ["Picture", "RenderError", "compare", "describe", "difference", "draw", "gradient_paths"]
