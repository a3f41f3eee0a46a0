"""Which tokens become text, chosen from what a decoder gives for each step; no model is loaded here."""
