"""Reading facts out of text."""
