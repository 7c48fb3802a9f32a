"""The teaching notes as claims: every statement runs, with the figure it must show and the picture that shows it.

    claims    every claim by its id: ``lab.claims["P2"].run(seed=0)``, and ``.run(broken="no tanh'")``, which fails
    show      the picture and the figures of a topic in one line: ``lab.show("exploding")``
    sections  the sections of the notes, each with its claims

Claims are loaded when the first one is asked for. Read in this order: conditions, result, claim, catalogue, then the
sections in the order of the notes.
"""

from tinygrad_lstm.lab.catalogue import claims, sections, show
from tinygrad_lstm.lab.claim import Claim, Run, Section
from tinygrad_lstm.lab.result import Check, Result

__all__ = ["Check", "Claim", "Result", "Run", "Section", "claims", "sections", "show"]
