"""What became of findings: open, answered, resolved, over calendar periods."""
