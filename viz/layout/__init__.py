"""Graph drawing, of boxes and lines that it knows nothing else of.

``layered`` puts boxes into columns and leads lines between them, ``timeline`` sets such drawings side by side, one for
each time step. Lengths are in points, x to the right, y upwards.
"""
