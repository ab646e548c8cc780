"""YAML and JSON documents of people: read with their lines, judged by their schemas."""
