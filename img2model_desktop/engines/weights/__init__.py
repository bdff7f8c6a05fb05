"""Published weights that the user brings or downloads: which there are, what a file holds, where it lies; no torch."""
