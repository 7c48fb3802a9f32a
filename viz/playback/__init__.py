"""A page that steps through backpropagation: the tape of both passes, a picture, and the script that plays them."""
