"""Wirewatch's daemon: collecting, understanding, alerting. Kept free of imports: one here makes the packages circular."""
