"""Which weights, from where, verified, on which device."""
