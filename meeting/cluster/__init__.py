"""Several servers: what they share."""
