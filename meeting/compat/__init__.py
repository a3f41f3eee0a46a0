"""Endpoints that speak the protocols of other services, so that their clients work here."""
