"""A page that steps through backpropagation: the tape of both passes, a picture, and the script that plays them."""

from viz.stepping.player import Player as Player
from viz.stepping.player import player as player
