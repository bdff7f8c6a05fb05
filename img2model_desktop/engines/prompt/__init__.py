"""Prompt: pictures from words, by the user's own folders in the form of diffusers."""
