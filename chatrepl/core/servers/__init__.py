"""Servers: selection, addresses, targets, candidates, refused parameters."""
