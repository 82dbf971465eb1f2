"""The prompts, as Markdown files beside this one; `assistant` loads them by name."""
