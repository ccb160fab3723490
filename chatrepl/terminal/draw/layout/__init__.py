"""Cell widths, styled spans, styles, and line wrapping."""
