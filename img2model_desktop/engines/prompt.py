"""Pictures from words, by a diffusers folder that the user owns."""
