"""A diagram and an encoding on their places: the cell view, the op view, and the same in words."""
