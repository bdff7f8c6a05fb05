"""What makes, cuts, sculpts and paints; the only folder that may import torch, and only in the families' rooms,
`networks` and `device`."""
