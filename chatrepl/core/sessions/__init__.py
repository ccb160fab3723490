"""Sessions: state, autosave, the journal of a streamed answer, the library, imports."""
