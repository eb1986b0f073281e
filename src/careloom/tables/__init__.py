"""What a column means: data type, UCUM unit, meaning, PHI class; arrays as bytes. Holds no rows and reads no files."""
