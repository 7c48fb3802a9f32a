"""The engine: tensors, the graph they leave behind, and the loop that walks it backward.

Read in this order: ops/, scope, autodiff, tensor, record, gradients, creation.
"""
