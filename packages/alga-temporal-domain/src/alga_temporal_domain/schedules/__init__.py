"""Schedules that Temporal should have, and how it comes to have them."""
