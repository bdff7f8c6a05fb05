"""What makes, cuts, sculpts and paints; the only folder that may import torch, and only inside a family file."""
