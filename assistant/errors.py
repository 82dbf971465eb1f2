"""Errors of the assistant; the tree they belong to is drawn in `index.errors`.

FootnoteError
├── QuestionsUnusable        a file of questions, or of an earlier evaluation, cannot be read as such
├── NameTaken                a file of that name is in the folder already
├── HistoryUnusable          the stored conversations can be neither read nor written
├── LoginUnusable            the login file cannot be read, or does not hold what it should
├── NotAllowed               who asks for it may not do this, or is not signed in any more
└── EndpointError            the chat endpoint gave no answer
    ├── EndpointUnreachable  nothing answers at the address
    ├── EndpointRefused      401 or 403: the key is wrong or may not do this
    ├── ModelUnknown         404: no such model or path at the endpoint
    ├── EndpointBusy         429, still after the retries
    ├── EndpointFailed       5xx, still after the retries
    ├── EndpointGarbled      an answer that is not the protocol, or is empty
    └── ContextExceeded      the messages are longer than the model can read, even with fewer passages
"""

from __future__ import annotations

from index.errors import FootnoteError as FootnoteError  # offered to the window, which knows nothing of the index


class HistoryUnusable(FootnoteError):
    """The file with the conversations can be neither read nor written, or is of a newer version."""


class LoginUnusable(FootnoteError):
    """The login file is not there, is open to others, or does not hold what it should."""


class NotAllowed(FootnoteError):
    """The person may not do this, or is not signed in any more."""


class NameTaken(FootnoteError):
    """A file of that name is in the folder already."""


class QuestionsUnusable(FootnoteError):
    """A file for `footnote eval` is not there or does not hold what it should."""


class EndpointError(FootnoteError):
    """The chat endpoint gave no usable answer."""


class EndpointUnreachable(EndpointError):
    """Nothing answered at the endpoint's address, or it stopped answering."""


class EndpointRefused(EndpointError):
    """The endpoint refused the key (401) or the request (403)."""


class ModelUnknown(EndpointError):
    """The endpoint does not know the model or the path (404)."""


class EndpointBusy(EndpointError):
    """The endpoint asked to slow down (429) and still did after the retries."""


class EndpointFailed(EndpointError):
    """The endpoint reported a fault of its own (5xx) and still did after the retries."""


class EndpointGarbled(EndpointError):
    """The endpoint's answer is not the OpenAI protocol, or holds nothing."""


class ContextExceeded(EndpointError):
    """The messages are longer than the model can read, even after a retry with fewer passages."""
