"""Great Expectations: suites as people write them, run by push-down, each figure with the SQL that repeats it."""
