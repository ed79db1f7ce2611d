"""Rule files: loading, matching, and the life of an alert."""
