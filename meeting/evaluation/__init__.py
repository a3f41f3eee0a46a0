"""How good it is: scores against references, plots, settings fitted to recordings."""
