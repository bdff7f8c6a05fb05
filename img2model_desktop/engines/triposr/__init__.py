"""TripoSR: a whole textured body from one picture, with published weights."""
