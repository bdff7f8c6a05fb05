"""How a mesh is drawn, with and without a window; no Qt."""
