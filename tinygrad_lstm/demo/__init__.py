"""The demo's results, pictures and page: what a character LSTM learned from a text, and where its gradient went."""
