"""The segments of a line, as the model reads them, become its likeliest texts and how certain they are."""
