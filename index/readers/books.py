"""E-books (.epub): the chapters in the order of the book's spine, each read as a web page; chapters are the places.

zipfile, lxml and the reader of web pages, by EPUB 3.3; EbookLib is AGPL.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import unquote

from index.errors import SourceUnreadable
from index.readers.archives import member, open_archive
from index.readers.assembly import Assembly
from index.readers.dates import iso_date
from index.readers.decoding import decode
from index.readers.html import page_from, render
from index.readers.xml import local_name, parse_xml
from index.types import Extract, Metadata

if TYPE_CHECKING:
    from lxml.etree import _Element

_KIND = "an e-book (EPUB)"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read_book(data: bytes) -> Extract:
    archive = open_archive(data, _KIND)
    container = parse_xml(member(archive, "META-INF/container.xml", _KIND))
    paths = [str(e.get("full-path")) for e in container.iter() if local_name(e) == "rootfile" and e.get("full-path")]
    if not paths:
        raise SourceUnreadable("The e-book does not say where its contents are. Get it anew from where it comes from.")
    package = parse_xml(member(archive, paths[0], _KIND))
    base = posixpath.dirname(paths[0])
    items = {str(e.get("id")): e for e in package.iter() if local_name(e) == "item"}
    spine = [str(e.get("idref")) for e in package.iter() if local_name(e) == "itemref"]
    names = set(archive.namelist())
    locked = _locked(archive)
    titles = _titles(archive, items, base)
    assembly = Assembly()
    for item_id in spine:
        item = items.get(item_id)
        if item is None or item.get("media-type") not in _PAGES:
            continue
        path = _inside(base, str(item.get("href", "")))
        if path in locked:
            raise SourceUnreadable("The e-book is locked by its seller (DRM) and cannot be read.")
        if path not in names:
            assembly.notices.append(f"The chapter {path} is missing from the e-book.")
            continue
        page = page_from(decode(archive.read(path)).text)
        heading = page.css_first("h1, h2, h3")
        own = " ".join(heading.text(separator="").split()) if heading is not None else ""
        chapter = titles.get(path) or own
        assembly.paragraph()
        if chapter:
            assembly.place("chapter", chapter)
        render(page, assembly, chapter)
    return assembly.extract(_metadata(package))


def _inside(base: str, reference: str) -> str:
    """The member that a reference leads to, without the spot in it."""
    return posixpath.normpath(posixpath.join(base, unquote(reference.partition("#")[0])))


def _locked(archive: zipfile.ZipFile) -> set[str]:
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    root = parse_xml(archive.read("META-INF/encryption.xml"))
    return {unquote(str(e.get("URI"))) for e in root.iter() if local_name(e) == "CipherReference"}


def _titles(archive: zipfile.ZipFile, items: dict[str, _Element], base: str) -> dict[str, str]:
    """The titles of the table of contents by member: the first one that leads into it."""
    titles: dict[str, str] = {}
    for item in items.values():
        path = _inside(base, str(item.get("href", "")))
        if path not in archive.namelist():
            continue
        if "nav" in str(item.get("properties", "")).split():
            page = page_from(decode(archive.read(path)).text)
            for link in page.css("nav a[href]"):
                title = " ".join(link.text(separator="").split())
                target = _inside(posixpath.dirname(path), link.attributes.get("href") or "")
                titles.setdefault(target, title)
        elif item.get("media-type") == "application/x-dtbncx+xml":
            for point in parse_xml(_without_doctype(archive.read(path))).iter():
                if local_name(point) != "navPoint":
                    continue
                label = next((e for e in point.iter() if local_name(e) == "text"), None)
                content = next((e for e in point.iter() if local_name(e) == "content"), None)
                if label is not None and content is not None and label.text:
                    target = _inside(posixpath.dirname(path), str(content.get("src", "")))
                    titles.setdefault(target, " ".join(label.text.split()))
    return titles


def _without_doctype(data: bytes) -> bytes:
    return re.sub(rb"<!DOCTYPE[^>\[]*>", b"", data, count=1)


def _metadata(package: _Element) -> Metadata:
    fields: dict[str, list[str]] = {}
    for element in package.iter():
        if element.text and "purl.org/dc" in str(element.tag):
            fields.setdefault(local_name(element), []).append(" ".join(element.text.split()))
    return Metadata(
        title=next(iter(fields.get("title", [])), ""),
        author=", ".join(fields.get("creator", [])),
        date=iso_date(next(iter(fields.get("date", [])), "")),
    )
