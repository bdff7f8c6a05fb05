"""Everything that was made, to be found again: a window of its own, and two results side by side."""
