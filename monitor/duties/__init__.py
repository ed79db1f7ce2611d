"""What a worker does in each of its roles: one module for a role, with the loops and jobs that belong to it, and nothing that
another role needs. `monitor.daemon` names them in a table, `monitor.watch` runs those that a worker has."""
