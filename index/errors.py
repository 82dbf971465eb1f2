"""The errors of Footnote. Every message is a sentence for the person and says what to do next.

FootnoteError
├── FolderMissing        the folder to index is not there, or is no folder
├── SourceUnreadable     one file cannot be read; the others are not touched
│   └── SourceUnsupported  a kind of file that is not read at all
├── IndexBusy            another process is writing this index
├── IndexDamaged         the stored index cannot be opened or mended
├── IndexUnwritable      the place where the index is kept cannot be written
├── ScopeUnusable        no document is where, or of the time, that a question is to be asked of
├── StoreUnreachable     the Chroma server does not answer
├── ReadingUnavailable   no process can be started to read files in
├── WorkersUnreachable   the cluster that passages are to be embedded by does not embed
├── EmbeddingFailed      the embedding model gave no vectors
└── (assistant.errors)   EndpointError and its kinds
"""

from __future__ import annotations


class FootnoteError(Exception):
    """Base of every error that is shown to the person as it stands."""


class FolderMissing(FootnoteError):
    """The folder to index does not exist or is not a folder."""


class SourceUnreadable(FootnoteError):
    """A file of a kind that is read, but whose contents could not be."""


class SourceUnsupported(SourceUnreadable):
    """A file of a kind that is not read."""


class IndexBusy(FootnoteError):
    """Another process holds the lock of this index."""


class IndexDamaged(FootnoteError):
    """The stored index cannot be opened, and rebuilding it failed too."""


class IndexUnwritable(FootnoteError):
    """The disk is full, or the place where the index is kept may not be written. Nothing kept is lost by it."""


class ScopeUnusable(FootnoteError):
    """The part of the folder that a question is to be asked of cannot be understood, or holds no document."""


class StoreUnreachable(FootnoteError):
    """The Chroma server at the given address does not answer."""


class ReadingUnavailable(FootnoteError):
    """The process that reads files cannot be started."""


class EmbeddingFailed(FootnoteError):
    """The embedding model or endpoint gave no usable vectors."""


class WorkersUnreachable(FootnoteError):
    """The scheduler or the workers of the Dask cluster at the given address are not there."""
