"""Bytes to text, whatever wrote them.

What belongs here: unpacking (gzip, a ZIP archive of one file), recognising the encoding, and a stream that is
always UTF-8 and holds no NUL. What does not: rows and columns.

Text that is not UTF-16 or UTF-32 is read as UTF-8, and each byte that is not UTF-8 as Windows-1252, byte by
byte. This one rule reads UTF-8, Latin-1 and Windows-1252 files, and also the common file that was glued
together from two of them. PostgreSQL text cannot hold NUL, so NUL is shown as U+2400, the symbol for it.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from leadflow_pipeline.harvest.refusal import FileRefused

NUL = "\x00"
SYMBOL_FOR_NUL = "␀"
CHUNK_BYTES = 1 << 20

_BYTE_ORDER_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 before UTF-16: the mark of the one begins with the mark of the other."""

_BYTEWISE = "leadflow-windows-1252-bytewise"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start : error.start + 1]
    try:
        return byte.decode("cp1252"), error.start + 1
    except UnicodeDecodeError:  # five bytes are not assigned there
        return byte.decode("latin-1"), error.start + 1


codecs.register_error(_BYTEWISE, _as_windows_1252)


def open_unpacked(path: Path) -> BinaryIO:
    """The bytes of a file; of the file inside, where it is gzip or a ZIP archive of one file.

    An XLSX workbook is a ZIP archive too, and is left as it is. Raises FileRefused for an archive of several
    files.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if magic == b"PK\x03\x04" and not is_workbook(path):
        return _open_only_member(path)
    return path.open("rb")


def is_workbook(path: Path) -> bool:
    """Whether a file is an XLSX workbook, by its content."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _open_only_member(path: Path) -> BinaryIO:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise FileRefused(f"{path.name} is a damaged ZIP archive: copy or export it again") from error
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) != 1:
        archive.close()
        raise FileRefused(
            f"{path.name} is a ZIP archive of {len(members)} files: "
            "unpack it and import the one that holds the leads"
        )
    return cast(BinaryIO, archive.open(members[0]))


def first_bytes(path: Path, size: int) -> bytes:
    """The beginning of a file, unpacked. Raises FileRefused for a damaged archive."""
    try:
        with open_unpacked(path) as file:
            return file.read(size)
    except _DAMAGED as error:
        raise _damaged(path.name) from error


_DAMAGED = (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error)


def _damaged(name: str) -> FileRefused:
    return FileRefused(f"{name} is cut short or damaged: copy or export it again")


def recognise_encoding(start: bytes) -> str:
    """The codec of a text that begins with these bytes."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    # Latin text in UTF-16 has a zero in nearly every second byte; a stray NUL does not look like that.
    pairs = max(1, len(start) // 2)
    if start[1::2].count(0) / pairs > 0.4 and start[0::2].count(0) / pairs < 0.1:
        return "utf-16-le"
    if start[0::2].count(0) / pairs > 0.4 and start[1::2].count(0) / pairs < 0.1:
        return "utf-16-be"
    return "utf-8"


class TextStream(io.RawIOBase):
    """A byte stream, decoded and encoded again as UTF-8 without NUL and byte-order mark."""

    def __init__(self, source: BinaryIO, encoding: str, *, strict: bool, name: str) -> None:
        """With `strict` a byte that contradicts the encoding is refused (FileRefused, when it is read)."""
        super().__init__()
        self._source = source
        self._name = name
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict" if strict else _errors_of(encoding))
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fills `buffer` with UTF-8. Returns how many bytes; 0 at the end."""
        while not self._ready and not self._ended:
            self._ready = self._next()
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        """Closes the source too."""
        self._source.close()
        super().close()

    def _next(self) -> bytes:
        try:
            chunk = self._source.read(CHUNK_BYTES)
            self._ended = not chunk
            text = self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            raise FileRefused(
                f"{self._name} is not {self._encoding} as its source declares ({error.reason}): "
                "mend `encoding` in the campaign file, or leave it out to have it recognised"
            ) from error
        except _DAMAGED as error:
            raise _damaged(self._name) from error
        if NUL in text:
            text = text.replace(NUL, SYMBOL_FOR_NUL)
        return text.encode("utf-8", "replace")


def _errors_of(encoding: str) -> str:
    return _BYTEWISE if encoding.startswith("utf-8") else "replace"


def open_text(path: Path, declared: str | None = None) -> io.BufferedReader:
    """The text of a file as a stream of UTF-8 bytes. Raises FileRefused for an encoding nobody knows."""
    start = first_bytes(path, 4096)
    encoding = recognise_encoding(start)
    strict = False
    if declared is not None and encoding == "utf-8":
        try:
            encoding, strict = codecs.lookup(declared).name, True
        except LookupError as error:
            raise FileRefused(
                f"encoding {declared!r} of the source of {path.name} is not known: try utf-8 or cp1252"
            ) from error
    return io.BufferedReader(
        TextStream(open_unpacked(path), encoding, strict=strict, name=path.name), CHUNK_BYTES
    )
