"""The loaded models, shared by all meetings: scheduling, batching, load shedding, capacity."""
