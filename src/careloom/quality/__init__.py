"""What is wrong with the data, as issues, and which patients are one person. Repairs nothing silently."""
