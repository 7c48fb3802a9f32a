"""Pictures of graphs, and of where the gradient went."""

from viz.picture import Picture
from viz.render import RenderError
from viz.views import gradient_paths

__all__ = ["Picture", "RenderError", "gradient_paths"]
