"""What every check needs to measure: what it looks at, statistics, and the run over all of them."""
