"""Processor process: OTLP -> rows."""
