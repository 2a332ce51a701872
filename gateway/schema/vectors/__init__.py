"""Vector collections: what a domain declares, and the fields that read and write them."""
