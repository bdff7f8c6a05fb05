"""What a job is, in which order its stages run, and where its history is kept; no Qt, no torch."""
