"""Channels to people: one file each."""
