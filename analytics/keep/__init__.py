"""Database: partitions, rollups, retention, erasure."""
