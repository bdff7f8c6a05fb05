"""Engines and weights: what is here, what is missing, how it comes in."""
