"""The daemon's own pipeline on another clock and another source: replay, rule tests, the demo."""
