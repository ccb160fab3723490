"""The screen: frames, the live region, printing above it, reflow after a resize."""
