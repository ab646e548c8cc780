"""The control catalogue, and which stored findings answer it."""
