"""Built-in engines: shapes from an outline, a cut-out, letters; no network, nothing to download."""
