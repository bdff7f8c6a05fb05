"""What a mesh is fit for: measures, findings, a verdict for each purpose."""
