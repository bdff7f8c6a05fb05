"""Values and pure functions on pictures and meshes; no Qt, torch, SQLite, paths or settings."""
