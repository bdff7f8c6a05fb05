"""The middle of the window: the mesh in three dimensions, and the tools to look at it."""
