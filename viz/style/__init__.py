"""How things look and how numbers are written."""

from viz.style.text import number as number
from viz.style.theme import ThemeName as ThemeName
from viz.style.theme import theme_of as theme_of
