"""PDF through PDFium, page by page.

PDFium is called directly: a dozen functions of its stable C interface. The package that brings the library
(pypdfium2) declares all thousand of them, which takes five times as long as to read a letter.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import POINTER, byref, c_bool, c_char_p, c_double, c_float, c_int, c_size_t, c_ulong, c_ushort, c_void_p

from syncline.transforms.readers.dates import iso
from syncline.transforms.readers.reading import Trouble, damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syncline.transforms.readers.reading import Reading

_PASSWORD, _SECURITY = 4, 5  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_HYPHENS = ("\ufffe\n", "\x02\n")  # how PDFium writes a word that goes on in the next line
_NOISE = ("\ufffe", "\uffff", "\x02")


class _Box(ctypes.Structure):
    _fields_ = [(side, c_float) for side in ("left", "top", "right", "bottom")]


_FUNCTIONS = {
    "FPDF_InitLibrary": (None, []),
    "FPDF_LoadMemDocument64": (c_void_p, [c_char_p, c_size_t, c_char_p]),
    "FPDF_GetLastError": (c_ulong, []),
    "FPDF_CloseDocument": (None, [c_void_p]),
    "FPDF_GetPageCount": (c_int, [c_void_p]),
    "FPDF_GetMetaText": (c_ulong, [c_void_p, c_char_p, c_void_p, c_ulong]),
    "FPDF_LoadPage": (c_void_p, [c_void_p, c_int]),
    "FPDF_ClosePage": (None, [c_void_p]),
    "FPDF_GetPageBoundingBox": (c_bool, [c_void_p, POINTER(_Box)]),
    "FPDFText_LoadPage": (c_void_p, [c_void_p]),
    "FPDFText_ClosePage": (None, [c_void_p]),
    "FPDFText_GetBoundedText": (c_int, [c_void_p, *[c_double] * 4, POINTER(c_ushort), c_int]),
}


def _load() -> Any:
    for folder in sys.path:
        for name in ("libpdfium.so", "libpdfium.dylib"):
            if os.path.exists(path := os.path.join(folder, "pypdfium2_raw", name)):
                return ctypes.CDLL(path)
    from pypdfium2_raw import bindings  # type: ignore[import-untyped]  # a build that keeps the library elsewhere knows where

    return bindings._libs["pdfium"]


def _library() -> Any:
    library = _load()
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.FPDF_InitLibrary()
    return library


_pdfium = _library()


def read(content: bytes, reading: Reading) -> None:
    """Text of every page, a blank line between pages. Raises Trouble (encrypted, damaged)."""
    document = _pdfium.FPDF_LoadMemDocument64(content, len(content), None)
    if not document:
        if _pdfium.FPDF_GetLastError() in (_PASSWORD, _SECURITY):
            raise Trouble("extract.encrypted", "the PDF is protected by a password")
        raise damaged("not a readable PDF: it is cut off or corrupt")
    try:
        _read_facts(document, reading)
        _read_pages(document, reading)
    finally:
        _pdfium.FPDF_CloseDocument(document)


def _read_facts(document: Any, reading: Reading) -> None:
    reading.note("pages", _pdfium.FPDF_GetPageCount(document))
    reading.entitle(_fact(document, b"Title").removeprefix("Microsoft Word - "))
    reading.note("author", _fact(document, b"Author"))
    reading.note("subject", _fact(document, b"Subject"))
    reading.note("tags", _fact(document, b"Keywords").replace(";", ",").split(","))
    reading.note("created", iso(_fact(document, b"CreationDate")))
    reading.note("modified", iso(_fact(document, b"ModDate")))


def _fact(document: Any, key: bytes) -> str:
    size = _pdfium.FPDF_GetMetaText(document, key, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    _pdfium.FPDF_GetMetaText(document, key, buffer, size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace").strip()


def _read_pages(document: Any, reading: Reading) -> None:
    count = _pdfium.FPDF_GetPageCount(document)
    unread = 0
    for number in range(count):
        page = _pdfium.FPDF_LoadPage(document, number)
        if not page:
            unread += 1
            continue
        try:
            if text := _page_text(page):
                reading.add(text + "\n\n")
        finally:
            _pdfium.FPDF_ClosePage(page)
    if count and unread == count:
        raise damaged("none of the PDF's pages can be read")
    if unread:
        reading.warn("extract.partial", f"{unread} of {count} pages cannot be read and were left out")


def _page_text(page: Any) -> str:
    text_page = _pdfium.FPDFText_LoadPage(page)
    if not text_page:
        return ""
    try:
        box = _Box()
        if not _pdfium.FPDF_GetPageBoundingBox(page, byref(box)):
            return ""
        sides = (box.left, box.top, box.right, box.bottom)
        size = _pdfium.FPDFText_GetBoundedText(text_page, *sides, None, 0)
        if size <= 0:
            return ""
        buffer = (c_ushort * size)()
        size = _pdfium.FPDFText_GetBoundedText(text_page, *sides, buffer, size)
        return _tidy(bytes(buffer)[: 2 * size].decode("utf-16-le", "replace"))
    finally:
        _pdfium.FPDFText_ClosePage(text_page)


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for hyphen in _HYPHENS:
        text = text.replace(hyphen, "")
    for mark in _NOISE:
        text = text.replace(mark, "")
    return text.rstrip("\0 \n")
