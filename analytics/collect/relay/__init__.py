"""The site's relay for browsers' spans: parse, check against the catalogue, attribute to the person, send.

`bodies` parses requests, `events` checks each span, `allowance` limits rates, `forward` sends with consent, `page` has
the data for pages, and `views` translates to HTTP.
"""
