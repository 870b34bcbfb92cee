"""Of UTC everywhere, to the second, and saying so: rows are compared with logs of other machines."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i:s T"
