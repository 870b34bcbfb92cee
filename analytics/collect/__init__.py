"""Web process: request -> span -> gate -> OTLP."""
