"""Deletes the telemetry of one person. All code for it is in this package.

`requests`    a person's request: carried out here, or sent to where the rows are; the receipts
`receipts`    what became of a request
`here`        delete the rows of this database
`elsewhere`   send requests to where the rows are, until they are acknowledged
`correction`  recompute the reports of the days that lost rows
`restore`     carry out again what a restored backup has undone
`log`         a file of what was erased, which no backup takes back
"""
