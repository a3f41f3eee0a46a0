"""Webhooks: what happens in meetings is told to addresses of the operator's choosing, signed and until they take it."""
