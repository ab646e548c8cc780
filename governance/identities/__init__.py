"""Identities: the keys of ids, the index that finds a request, and what was delivered before."""
