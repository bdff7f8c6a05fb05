"""Mesh file formats, one module each, and the check of what was written."""
