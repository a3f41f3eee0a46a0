"""The simulation itself: values in, values out; no files, no clock, all chance from generators that are given."""
