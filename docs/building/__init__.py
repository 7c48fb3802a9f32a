"""What the site needs beyond Sphinx: each file is one part, which ``conf.py`` sets up."""
