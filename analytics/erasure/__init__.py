"""Deleting what was collected of one person. Everything about it is in this package.

`requests`    a person's request: carried out here, or sent to where the rows are; the receipts
`here`        delete the rows of this database, once and again after a restore
`elsewhere`   send requests to where the rows are, until they are acknowledged
`correction`  recompute the reports of the days that lost rows
`log`         requests outside of the analytics database: the ledger's, and a file's
"""
