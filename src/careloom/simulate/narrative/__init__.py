"""How notes are worded: template families as data, one writer for text and gold, what a note may say. Pure."""
