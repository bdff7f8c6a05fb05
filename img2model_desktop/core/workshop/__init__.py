"""What can be done to a mesh: operations with options, stacks of them, and plans that make a mesh fit."""
