"""Fetching and parsing feeds: bytes from elsewhere become items."""
