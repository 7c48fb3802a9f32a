"""A scene in a file, in a notebook, or in Graphviz's hands."""
