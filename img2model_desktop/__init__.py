"""Image2Model Desktop: a picture or a prompt becomes a textured mesh, on this machine alone."""

__version__ = "0.1.0"
