"""Notes to annotations to resources; training beside inference. Models and vocabularies are handed in."""
