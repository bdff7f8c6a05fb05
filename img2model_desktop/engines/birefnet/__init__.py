"""BiRefNet: fine cut-outs with published weights."""
