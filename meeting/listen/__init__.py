"""`listen`: audio from this machine to a server, and its transcript in the terminal while people speak."""
