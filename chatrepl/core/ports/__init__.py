"""Ports: the protocols through which the core reaches models, storage and the system."""
