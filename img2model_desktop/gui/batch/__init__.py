"""Many pictures at once: the window of batches, and what keeps them going."""
