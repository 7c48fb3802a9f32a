"""What there is to draw: which vertices are one node, and which edges one link."""
