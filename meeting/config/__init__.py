"""What can be set, where settings come from, and the pages that are made from their definition."""
