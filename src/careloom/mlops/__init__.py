"""What was trained, on what, how good it is and who gets it. It knows files, never a model."""
