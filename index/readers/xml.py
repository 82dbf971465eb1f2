"""XML -> tree, with nothing in it followed or expanded.

lxml (BSD-3) because python-docx and python-pptx bring it and it keeps lines and namespaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.errors import SourceUnreadable

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse_xml(data: bytes) -> _Element:
    """The root of the document. Entities stay unexpanded, no external file is loaded, and libxml2's limits hold.

    Raises SourceUnreadable where it is not well formed or declares entities, as no office program does.
    """
    from lxml import etree

    if b"<!ENTITY" in data:
        raise SourceUnreadable("The file declares XML entities, which can be made to fill the memory. Save it anew.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise SourceUnreadable(f"The XML inside the file is damaged ({error.msg}). Save the document anew.") from error


def local_name(element: _Element) -> str:
    """The tag without its namespace; empty for comments and processing instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
