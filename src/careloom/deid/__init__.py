"""Takes identity out by allow-list and measures what is left. Fails closed."""
