"""Folder -> passages -> Chroma. Nothing here knows of the assistant or the window."""
