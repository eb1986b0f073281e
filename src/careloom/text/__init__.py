"""The geometry of notes: notes, sections, spans, annotations, offset maps. Finds nothing by itself."""
