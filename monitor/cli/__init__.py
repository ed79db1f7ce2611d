"""The `wirewatch` command. Modules are imported when their command runs: `wirewatch --help` loads no model."""
