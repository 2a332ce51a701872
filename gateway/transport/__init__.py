"""HTTP in, HTTP out: bodies, media types, status codes; knows nothing of how a query runs."""
