"""Depth relief: bodies, plaques and coins from a published network that tells what is near."""
