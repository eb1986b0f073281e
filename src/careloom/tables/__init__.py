"""What a column means: data type, UCUM unit, meaning, PHI class. Holds no rows and reads no files."""
