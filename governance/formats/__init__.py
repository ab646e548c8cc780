"""What several log formats share: names, values, tokens, rows. A format itself is a file in `sources`."""
