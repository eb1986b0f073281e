"""What a column means: data type, UCUM unit, meaning, PHI class. And how arrays become bytes. Holds no rows and reads no files."""
