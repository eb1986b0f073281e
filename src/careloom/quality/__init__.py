"""What is wrong with the data, as issues. Repairs nothing silently."""
