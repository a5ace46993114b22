"""Payloads on their way to Temporal: what is in them is for our processes alone."""
