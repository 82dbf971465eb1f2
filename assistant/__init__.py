"""Question -> Answer, over an index. Nothing here knows of the window."""
