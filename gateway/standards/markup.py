"""XML out: any text a service may hold becomes well-formed XML 1.0."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
# What XML 1.0 (section 2.2) cannot carry even as a character reference, and text nevertheless may hold.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(value: object) -> str:
    """`value` as text that XML can carry; what it cannot becomes U+FFFD, and every line ends with one newline."""
    return _NOT_XML.sub("\ufffd", str(value)).replace("\r\n", "\n").replace("\r", "\n")


def add(parent: ET.Element, name: str, text: object | None = None) -> ET.Element:
    """Append an element, with its text when there is one."""
    child = ET.SubElement(parent, name)
    if text is not None:
        child.text = xml_text(text)
    return child


def document_of(root: ET.Element) -> bytes:
    """The whole document in UTF-8 with its declaration."""
    return DECLARATION + ET.tostring(root, encoding="utf-8")
