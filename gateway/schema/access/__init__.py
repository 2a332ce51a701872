"""Who may use what: requirements of fields and types, demands of operations, row rules."""
