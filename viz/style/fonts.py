"""How wide a text gets: the advance widths of Helvetica, which Arial and Liberation Sans share.

A font says of each letter how far the pen moves on, in thousandths of the font's size. The letters of ASCII are from
Adobe's metrics of Helvetica (its AFM file); the signs of mathematics, which Helvetica lacks, are as wide as in DejaVu
Sans and the other fonts that a browser takes them from, so about right.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_REGULAR = {
    188: "′", 191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft·\u00a0", 295: "ₜ", 333: "()-`r“”¹²³", 334: "{}",
    355: '"', 365: "ⁿ", 385: "ᵀ", 389: "*", 390: "⟨⟩", 401: "₀₁₂₃₄₅₆₇₈₉ₙₕ", 446: "ε", 469: "^", 494: "∂",
    500: "Jcksvxyzλ‖", 528: "₋₊⁻", 549: "√÷≈", 556: "#$0123456789?L_abdeghnopqu–θ", 569: "ρ",
    584: "+<=>~−×", 611: "FTZ", 617: "σΣ", 667: "&ABEKPSVXY∇Δ", 713: "∞", 722: "CDHNRUw", 778: "GOQ", 833: "Mm",
    838: "⊙✂", 889: "%", 944: "W", 1000: "→←↔…", 1015: "@",
}  # fmt: skip
_BOLD = {  # where it differs
    238: "'", 278: "ijl", 280: "|", 333: "!:;[]ft", 389: "r{}", 474: '"', 556: "Jcksvxy", 584: "^", 611: "?Lbdghnopqu",
    722: "&ABK", 778: "w", 889: "m", 975: "@",
}  # fmt: skip
REGULAR = {letter: wide for wide, letters in _REGULAR.items() for letter in letters}
BOLD = REGULAR | {letter: wide for wide, letters in _BOLD.items() for letter in letters}
OTHER, FULL = 600, 1000  # a letter of no table: of an alphabet, or of East Asia, whose letters are squares


@lru_cache(maxsize=4096)
def width(text: str, size: float, bold: bool = False) -> float:
    """The width of one line of text in a font of this size, in the size's unit.

    >>> width("forget gate", 10), width("forget gate", 10, bold=True), width("C̃", 10)
    (47.81, 51.67, 7.22)
    """
    table = BOLD if bold else REGULAR
    return size * sum(table.get(letter) or _other(letter) for letter in text) / 1000


def _other(letter: str) -> int:
    """The width of a letter that Helvetica's table lacks; an accent takes no room of its own."""
    if unicodedata.combining(letter):
        return 0
    plain = unicodedata.normalize("NFD", letter)[0]  # é is as wide as e
    return REGULAR.get(plain) or (FULL if unicodedata.east_asian_width(letter) in "WF" else OTHER)
