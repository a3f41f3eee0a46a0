"""What a search over meetings means, and the index that answers it."""
