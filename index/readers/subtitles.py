"""Subtitles (.srt, .vtt): what is said, a line a cue; the times are the places.

Read by the WebVTT specification of the W3C and the usage of SubRip: a line with an arrow between two times begins a
cue, an empty line ends it. Lines that a rolling caption repeats are kept once; who speaks is named when it changes.
"""

from __future__ import annotations

import html
import re

from index.errors import SourceUnreadable
from index.readers.assembly import Assembly
from index.readers.decoding import decode
from index.types import Extract

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,]\d{1,3}"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*(?:\d{{1,3}}:)?\d{{1,2}}:\d{{2}}[.,]\d{{1,3}}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]*>|\{\\[^{}]*\}")


def read_subtitles(data: bytes) -> Extract:
    decoded = decode(data)
    assembly = Assembly()
    assembly.notices.extend(decoded.notices)
    lines = re.split(r"\r\n|\r|\n", decoded.text)
    speaker = ""
    shown: list[str] = []
    cues = 0
    at = 0
    while at < len(lines):
        times = _TIMES.match(lines[at])
        at += 1
        if times is None:
            continue
        cues += 1
        hours, minutes, seconds = (int(part or 0) for part in times.groups())
        said: list[str] = []
        while at < len(lines) and lines[at].strip() and not _TIMES.match(lines[at]):
            said.append(lines[at])
            at += 1
        assembly.line()
        assembly.place("time", f"{hours:02}:{minutes:02}:{seconds:02}")
        before, shown = shown, []
        for line in said:
            voice = _VOICE.search(line)
            words = " ".join(html.unescape(_TAG.sub("", line)).split())
            shown.append(words)
            if not words or words in before:
                continue
            if voice and voice[1].strip() != speaker:
                speaker = voice[1].strip()
                words = f"{speaker}: {words}"
            assembly.add(words)
            assembly.blank()
    if not cues:
        raise SourceUnreadable("The file holds no subtitles: no line gives two times. If it is text, name it .txt.")
    return assembly.extract()
