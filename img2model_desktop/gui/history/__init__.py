"""The strip at the bottom: what runs, what waits, what was made."""
