"""A meeting transcriber that people run themselves."""

__version__ = "0.1.0"
