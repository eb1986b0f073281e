"""A hospital that does not exist: raw feeds with the answers known. Pure; opens no file."""
