"""What was trained, on what, how good it is, who gets it, and is it still good. It knows files, never a model."""
