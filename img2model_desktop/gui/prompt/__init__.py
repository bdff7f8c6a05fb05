"""Pictures from words: the prompt, its styles, the sheet to pick from."""
