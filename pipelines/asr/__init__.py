"""Speech recognisers behind one seam, partial results, second pass."""
