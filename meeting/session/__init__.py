"""The state machine of one meeting: events in, effects out; no clock, thread or I/O."""
