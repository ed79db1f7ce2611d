"""Grouping items into stories."""
