"""A small folder of real kinds of files about one matter, for tests and for pictures: the dredging of a harbour."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import docx
import xlsxwriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

PAGES = (
    (
        "Report of the harbour commission",
        "The commission met on 4 March 1931 in the town hall of Ostwick under the chair of Edith Marlow.",
        "The outer basin had silted up to five metres. Ships of the coal trade could no longer enter at low water, and "
        "two of them had run aground in the winter before.",
    ),
    (
        "Decision",
        "The commission decided to dredge the harbour to a depth of nine metres. The work was given to the Halden Dredging "
        "Company, whose offer of 84,000 pounds was the lowest of three.",
        "Edith Marlow said that no house on the quay would be touched by the work.",
    ),
    (
        "Course of the work",
        "The work began in April 1931 and took fourteen months. In August 1931 a storm sank one of the two dredgers, and the "
        "work stood still for six weeks.",
        "The depth of nine metres was measured on 12 June 1932 by the harbour master, Tom Ferris.",
    ),
)
COSTS = (
    ("Date", "Payee", "Purpose", "Pounds"),
    ("1931-04-02", "Halden Dredging Company", "First instalment", 28000),
    ("1931-07-01", "Halden Dredging Company", "Second instalment", 28000),
    ("1931-09-15", "Brandt Salvage", "Raising the sunken dredger", 6150),
    ("1932-06-20", "Halden Dredging Company", "Last instalment", 28000),
)
SHIPS = """Month,Ships,Tonnage,Remark
1930-12,14,9200,two ships ran aground
1931-06,9,5100,basin half closed
1931-12,12,8800,
1932-06,31,27400,first month at full depth
"""
INTERVIEW = """WEBVTT

00:00:04.000 --> 00:00:09.000
<v Interviewer>Where were you when the dredger went down?

00:00:09.500 --> 00:00:16.000
<v Tom Ferris>I stood on the north pier with a lantern and counted eleven men into the boat.

00:00:17.000 --> 00:00:24.000
<v Tom Ferris>The cook of the dredger saved the ship's cat before he saved himself.
"""
LETTER = """# Letter to the editor

*Ostwick Courier, 9 May 1931*

The fishermen of Ostwick demand a pier of their own. Since the dredging began, their boats lie in the mud for half of the
day, and nobody on the commission has answered their letters.

Hannah Brook wrote that the fishermen would block the harbour if they were not heard by June.
"""


def make_kinds(folder: Path) -> Path:
    """Write the files into `folder`, which is made, and return it."""
    folder.mkdir(parents=True)
    styles = getSampleStyleSheet()
    styles["Heading1"].fontSize, styles["Heading1"].leading, styles["Heading1"].spaceAfter = 26, 32, 18
    styles["BodyText"].fontSize, styles["BodyText"].leading, styles["BodyText"].spaceAfter = 15, 22, 10
    story = [
        part
        for title, *paragraphs in PAGES
        for part in (
            Paragraph(title, styles["Heading1"]),
            *(Paragraph(text, styles["BodyText"]) for text in paragraphs),
            Spacer(1, 12),
            PageBreak(),
        )
    ]
    SimpleDocTemplate(
        str(folder / "commission.pdf"),
        pagesize=A4,
        title="Report of the harbour commission",
        author="Edith Marlow",
        invariant=1,
    ).build(story)
    with xlsxwriter.Workbook(folder / "costs.xlsx") as workbook:
        workbook.set_properties({"created": datetime(1932, 7, 1)})
        sheet = workbook.add_worksheet("Payments")
        for row, cells in enumerate(COSTS):
            sheet.write_row(row, 0, cells)
    letter = docx.Document()
    letter.core_properties.created = letter.core_properties.modified = datetime(1929, 5, 12)
    letter.add_heading("The bells of Ostwick", 1)
    letter.add_paragraph(
        "The church of Ostwick has five bells. The largest bell is called Old Maud and weighs two tonnes."
    )
    letter.save(str(folder / "bells.docx"))
    (folder / "ships.csv").write_text(SHIPS)
    (folder / "interview.vtt").write_text(INTERVIEW)
    (folder / "letter.md").write_text(LETTER)
    (folder / "photo.raw").write_bytes(b"\x00\x01" * 600)
    (folder / "scan.pdf").write_bytes(b"%PDF-1.4 cut off")
    return folder
