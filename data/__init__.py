"""Small tables that travel with the course. What they are and where they come from: README.md."""
