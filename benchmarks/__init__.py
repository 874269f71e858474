"""Measurements against peers and on real data; none is a test."""
