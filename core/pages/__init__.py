"""Pages to hand on: HTML from templates, and small pictures that they hold."""
