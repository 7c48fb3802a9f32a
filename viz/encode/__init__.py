"""Numbers into looks: one encoding for each thing that can be shown."""
