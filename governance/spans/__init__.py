"""Spans: what their attributes are called, which are requests to a model, and those of one shape read at once."""
