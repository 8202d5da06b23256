"""Hostile and broken submissions, graded as one class together with honest ones."""
