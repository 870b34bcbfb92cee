"""Reports, dashboards, export, views for BI."""
