"""Twin: a small network of our own, shipped with the program, that sees front and back."""
