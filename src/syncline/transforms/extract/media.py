"""What kind of file this is: by what the source says, by the name, by the first bytes.

The source's media type wins over the name, and the name over the bytes, except that bytes which only a certain
container begins with (a zip, a PDF) win over everything. The tables are our own: those of the system differ from
machine to machine, and the same document must come out the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Form(NamedTuple):
    """A format. `reader` is one of inline.py's ("text", "guess", "markdown", "json", "lines"), one of
    readers/worker.py's, or "" when there is no text in it."""

    reader: str
    media_type: str


def _forms(reader: str, table: Mapping[str, str]) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for media_type, extensions in table.items():
        form = Form(reader, media_type)
        forms.update((extension, form) for extension in extensions.split())
    return forms


_OFFICE = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."

BY_EXTENSION: Mapping[str, Form] = {
    **_forms(
        "text",
        {
            "text/plain": "txt text log asc me conf cfg cnf ini env properties "
            "lst list out err diff patch rej po pot srt vtt sub lrc gitignore dockerignore editorconfig lock mk make "
            "cmake gradle sbt bzl bazel tf tfvars hcl nix http graphql gql proto thrift avsc",
            "text/csv": "csv",
            "text/tab-separated-values": "tsv tab",
            "text/x-rst": "rst rest",
            "text/asciidoc": "adoc asciidoc",
            "text/org": "org",
            "text/troff": "man roff",
            "text/x-tex": "tex latex sty cls bib ltx",
            "text/vcard": "vcf vcard",
            "text/calendar": "ics ifb",
            "text/css": "css scss sass less styl",
            "text/javascript": "js mjs cjs jsx",
            "text/typescript": "ts tsx mts cts",
            "text/x-python": "py pyi pyw pyx",
            "text/x-c": "c h cc cpp cxx hh hpp hxx ino cu m mm",
            "text/x-java": "java kt kts scala groovy clj cljs cljc",
            "text/x-rust": "rs",
            "text/x-go": "go",
            "text/x-ruby": "rb erb rake gemspec",
            "text/x-php": "php phtml",
            "text/x-perl": "pl pm pod t",
            "text/x-shellscript": "sh bash zsh fish ksh csh bat cmd ps1 psm1 awk sed",
            "text/x-sql": "sql psql ddl dml",
            "text/x-source": "swift cs fs fsx vb lua r jl dart ex exs erl hrl hs lhs ml mli nim zig d pas asm s f f90 "
            "f95 for cob lisp el scm rkt vim tcl v sv vhd vhdl sol gd glsl hlsl wgsl coffee vue svelte astro hbs "
            "mustache j2 jinja jinja2 tmpl tpl ejs pug haml liquid",
            "application/yaml": "yaml yml",
            "application/toml": "toml",
        },
    ),
    **_forms("markdown", {"text/markdown": "md markdown mdown mkd mdx rmd qmd"}),
    **_forms(
        "json",
        {
            "application/json": "json json5 jsonc webmanifest map",
            "application/ld+json": "jsonld",
            "application/geo+json": "geojson",
            "application/x-ipynb+json": "ipynb",
        },
    ),
    **_forms("lines", {"application/jsonl": "jsonl ndjson ldjson"}),
    **_forms("html", {"text/html": "html htm shtml", "application/xhtml+xml": "xhtml xht"}),
    **_forms(
        "xml",
        {
            "application/xml": "xml xsd xsl xslt wsdl plist opml dita docbook dbk kml gpx tei xliff xlf resx csproj "
            "pom fodt fods fodp",
            "application/rss+xml": "rss",
            "application/atom+xml": "atom",
        },
    ),
    **_forms("pdf", {"application/pdf": "pdf"}),
    **_forms(
        "zip",
        {
            _OFFICE + "wordprocessingml.document": "docx docm dotx dotm",
            _OFFICE + "presentationml.presentation": "pptx pptm ppsx ppsm potx potm",
            _OFFICE + "spreadsheetml.sheet": "xlsx xlsm xltx xltm",
            "application/vnd.ms-excel.sheet.binary.macroEnabled.12": "xlsb",
            _ODF + "text": "odt ott",
            _ODF + "presentation": "odp otp",
            _ODF + "spreadsheet": "ods ots",
            "application/epub+zip": "epub",
        },
    ),
    **_forms(
        "ole",
        {
            "application/msword": "doc dot",
            "application/vnd.ms-excel": "xls xlt",
            "application/vnd.ms-powerpoint": "ppt pps pot",
            "application/vnd.ms-outlook": "msg",
        },
    ),
    **_forms("rtf", {"application/rtf": "rtf"}),
    **_forms("mail", {"message/rfc822": "eml mht mhtml"}),
    **_forms(
        "",
        {
            "image/png": "png apng",
            "image/jpeg": "jpg jpeg jpe jfif",
            "image/gif": "gif",
            "image/webp": "webp",
            "image/tiff": "tif tiff",
            "image/bmp": "bmp dib",
            "image/svg+xml": "svg svgz",
            "image/heic": "heic heif",
            "image/avif": "avif",
            "image/jxl": "jxl jp2 j2k",
            "image/x-icon": "ico icns cur",
            "image/x-raw": "cr2 cr3 nef arw dng orf rw2",
            "image/vnd.adobe.photoshop": "psd psb eps xcf sketch fig",
            "audio/mpeg": "mp3 mp2",
            "audio/mp4": "m4a m4b",
            "audio/wav": "wav aif aiff au",
            "audio/ogg": "ogg oga opus",
            "audio/flac": "flac ape",
            "audio/aac": "aac wma amr mid midi",
            "video/mp4": "mp4 m4v",
            "video/quicktime": "mov qt",
            "video/x-matroska": "mkv",
            "video/webm": "webm",
            "video/x-msvideo": "avi wmv flv asf mpg mpeg vob 3gp ogv m2ts",
            "application/zip": "zip zipx",
            "application/gzip": "gz tgz",
            "application/x-tar": "tar",
            "application/x-bzip2": "bz2 tbz tbz2",
            "application/x-xz": "xz txz lzma lz lz4 z",
            "application/zstd": "zst",
            "application/x-7z-compressed": "7z",
            "application/vnd.rar": "rar cab arj",
            "application/java-archive": "jar war ear aar apk ipa xpi crx",
            "application/x-python-wheel": "whl egg",
            "application/x-package": "deb rpm pkg snap flatpak",
            "application/x-disk-image": "iso img dmg vhd vhdx vmdk qcow2 vdi",
            "application/x-executable": "exe dll so dylib msi elf o a lib ko",
            "application/x-bytecode": "pyc pyo pyd class dex wasm beam",
            "font/ttf": "ttf ttc",
            "font/otf": "otf",
            "font/woff": "woff woff2 eot pfb",
            "application/vnd.sqlite3": "sqlite sqlite3 db3 sqlite-wal sqlite-shm db-wal db-shm",
            "application/x-database": "mdb accdb dbf ibd myd myi rdb ldb",
            "application/vnd.apache.parquet": "parquet orc avro arrow feather",
            "application/x-model": "pkl pickle npy npz h5 hdf5 pt pth onnx safetensors gguf tflite joblib",
            "application/x-3d": "stl fbx blend glb 3ds dwg skp",
            "application/x-shockwave-flash": "swf",
            "application/octet-stream": "ds_store swp swo",
        },
    ),
}

_BY_MEDIA_TYPE: Mapping[str, Form] = {
    **{form.media_type: form for form in BY_EXTENSION.values()},
    "text/x-markdown": Form("markdown", "text/markdown"),
    "text/xml": Form("xml", "application/xml"),
    "text/rtf": Form("rtf", "application/rtf"),
    "text/json": Form("json", "application/json"),
    "application/x-ndjson": Form("lines", "application/jsonl"),
    "application/ndjson": Form("lines", "application/jsonl"),
    "application/x-jsonlines": Form("lines", "application/jsonl"),
    "application/csv": Form("text", "text/csv"),
    "application/javascript": Form("text", "text/javascript"),
    "application/x-yaml": Form("text", "application/yaml"),
    "text/yaml": Form("text", "application/yaml"),
    "application/sql": Form("text", "text/x-sql"),
    "application/x-pdf": Form("pdf", "application/pdf"),
}
_VAGUE = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/binary", "text/plain", "unknown"}
)

_ZIP = Form("zip", "application/zip")
_OLE = Form("ole", "application/x-ole-storage")
_PDF = Form("pdf", "application/pdf")
_RTF = Form("rtf", "application/rtf")
_SURE: tuple[tuple[bytes, Form], ...] = (
    (b"%PDF-", _PDF),
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"{\\rtf", _RTF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (b"\x89PNG\r\n\x1a\n", Form("", "image/png")),
    (b"\xff\xd8\xff", Form("", "image/jpeg")),
    (b"GIF87a", Form("", "image/gif")),
    (b"GIF89a", Form("", "image/gif")),
    (b"\x1f\x8b\x08", Form("", "application/gzip")),
    (b"7z\xbc\xaf\x27\x1c", Form("", "application/x-7z-compressed")),
    (b"\xfd7zXZ\0", Form("", "application/x-xz")),
    (b"\x28\xb5\x2f\xfd", Form("", "application/zstd")),
    (b"Rar!\x1a\x07", Form("", "application/vnd.rar")),
    (b"\x7fELF", Form("", "application/x-executable")),
    (b"\xcf\xfa\xed\xfe", Form("", "application/x-executable")),
    (b"\xca\xfe\xba\xbe", Form("", "application/x-bytecode")),
    (b"\0asm", Form("", "application/x-bytecode")),
    (b"SQLite format 3\0", Form("", "application/vnd.sqlite3")),
    (b"OggS\0", Form("", "audio/ogg")),
    (b"\0\0\x01\0", Form("", "image/x-icon")),
    (b"wOFF", Form("", "font/woff")),
    (b"wOF2", Form("", "font/woff")),
)
_FIRST_BYTES = frozenset(prefix[0] for prefix, _ in _SURE)
_NEED_MAGIC = frozenset({"ole", "rtf"})  # names that are given to files of other formats, too

HTML = BY_EXTENSION["html"]
XML = BY_EXTENSION["xml"]
TEXT = BY_EXTENSION["txt"]
GUESS = Form("guess", "text/plain")  # nobody says what it is: text if it can be read as such
BINARY = Form("", "application/octet-stream")


def wanted(id: str) -> str | None:
    """None when the document may hold text; else the rule that keeps it out, told by the id's extension alone.
    Source of the words: `no text in image/png`."""
    form = by_extension(id)
    return no_text(form) if form is not None and not form.reader else None


def no_text(form: Form) -> str:
    """The rule that keeps a format without text out."""
    return f"no text in {form.media_type}"


def by_extension(id: str) -> Form | None:
    """The format that the id's extension names, in letters of either case. A web address has one only in its path."""
    _, dot, extension = id.rpartition(".")
    form = BY_EXTENSION.get(extension)
    if form is not None and dot and "://" not in id:
        return form
    _, dot, extension = _path(id).rpartition(".")
    return BY_EXTENSION.get(extension.lower()) if dot else None


def file_name(id: str) -> str:
    """The last part of an id that names a file of a known format, "" of any other id."""
    return _path(id).rpartition("/")[2] if by_extension(id) is not None else ""


def _path(id: str) -> str:
    if "://" not in id:
        return id
    return id.partition("://")[2].partition("/")[2].partition("?")[0].partition("#")[0]


def by_media_type(media_type: str, id: str) -> Form | None:
    """The format the source names, "; charset=…" aside. What says nothing ("application/octet-stream", "text/plain"
    for a Markdown file) leaves it to the id."""
    bare = media_type.partition(";")[0].strip().lower()
    if bare in _VAGUE:
        form = by_extension(id)
        return TEXT if bare == "text/plain" and (form is None or not form.reader) else form
    form = _BY_MEDIA_TYPE.get(bare)
    if form is not None:
        return form
    kind = bare.partition("/")[0]
    if kind in ("image", "audio", "video", "font"):
        return Form("", bare)
    if bare.endswith("+json"):
        return Form("json", bare)
    if bare.endswith("+xml"):
        return Form("xml", bare)
    return Form("text", bare) if kind == "text" else by_extension(id)


def declared_charset(media_type: str) -> str:
    """The charset parameter of a media type, "" when there is none."""
    value = media_type.lower().partition("charset=")[2].partition(";")[0]
    return value.strip(" \"'")


def by_magic(content: bytes) -> Form | None:
    """The format that only files of its kind begin like."""
    if content[:1] and content[0] in _FIRST_BYTES:
        for prefix, form in _SURE:
            if content.startswith(prefix):
                return form
    return None


def refine(form: Form | None, content: bytes) -> Form:
    """The format to read `content` as, given what source and name say."""
    sure = by_magic(content)
    if sure is not None:
        return form if form is not None and form.reader == sure.reader and sure.reader else sure
    if form is not None and form.reader not in _NEED_MAGIC:
        return form
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return HTML
    if head.startswith(b"<?xml"):
        return HTML if b"<html" in head else XML
    if b"%pdf-" in head:
        return _PDF
    return GUESS
