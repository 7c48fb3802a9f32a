"""The engine: tensors, the graph they leave behind, and the loop that walks it backward.

Read in this order. The contract: ops/rules, ops/primitive, and the ops themselves, ops/arithmetic, nonlinear, linear,
indexing. Forward: ops/binding, ops/plan, modes, call_site, scope, node, handle, arrays, literals, record. Backward:
through, changes, contributions, autodiff. What users have: numpy_protocol, methods, operators, tensor, gradients,
creation, naming.
"""
