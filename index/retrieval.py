"""Passages as llama-index retrieves them: a retriever of its kind over `index.finding`, and back from its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode
from pydantic import PrivateAttr

from index.finding import Finder
from index.rows import metadata_fields, place_rows
from index.scope import EVERYTHING, Scope
from index.types import Hit

# What a node carries for citing and no model should read.
_FOR_CITING = ["content_hash", "ordinal", "start", "end", "line", "places", "sentences", "similarities", "about"]


class PassageNode(TextNode):
    """A hit as llama-index knows one. The id is the passage's; the metadata hold source, title, content_hash, ordinal,
    start, end, line, places, sentences, similarities and about, what its file says of itself; the SOURCE relation is
    the document.

    The hit is kept besides: read back from the metadata, ten of them would cost a question a millisecond.
    """

    _hit: Hit = PrivateAttr()

    def __init__(self, hit: Hit) -> None:
        passage = hit.passage
        super().__init__(
            id_=passage.id,
            text=passage.text,
            metadata={
                "source": passage.source,
                "title": passage.title,
                "content_hash": passage.content_hash,
                "ordinal": passage.ordinal,
                "start": passage.start,
                "end": passage.end,
                "line": passage.line,
                "places": place_rows(passage.places),
                "sentences": passage.sentences,
                "similarities": hit.similarities,
                "about": metadata_fields(passage.metadata),
            },
            excluded_embed_metadata_keys=_FOR_CITING,
            excluded_llm_metadata_keys=_FOR_CITING,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.source, hash=passage.content_hash)},
        )
        self._hit = hit


class PassageRetriever(BaseRetriever):
    """A llama-index retriever of passages, each a PassageNode."""

    def __init__(self, finder: Finder, limit: int = 10, scope: Scope = EVERYTHING) -> None:
        super().__init__()
        self._finder, self._limit, self._scope = finder, limit, scope

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._finder.find(query_bundle.query_str, self._limit, self._scope)
        return [NodeWithScore(node=PassageNode(hit), score=hit.score) for hit in hits]


def hits_of(nodes: Sequence[NodeWithScore]) -> tuple[Hit, ...]:
    """The hits that the retriever's nodes were made of, in the order of the nodes and with their scores."""
    return tuple(
        replace(found.node._hit, score=found.score or 0.0) for found in nodes if isinstance(found.node, PassageNode)
    )
