"""Usage telemetry: collected only from those who consent, kept in PostgreSQL, shown as reports."""
