"""The engine: tensors, the graph they leave behind, and the loop that walks it backward.

Read in this order: ops/, scope, node, autodiff, hooks, numpy_protocol, methods, operators, arrays, tensor, record,
naming, gradients, creation.
"""
