"""XML of annotations, read so that it can do no harm."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from foolscape.data.boxes.annotated import CORRECT
from foolscape.errors import SampleError
from foolscape.regular import MOST_TEXT, read_bytes


def read_xml(path: Path, most: int = MOST_TEXT) -> Element:
    """The root element of the XML file `path`, of at most so many bytes.

    Raises `SampleError` if it is missing, damaged or declares a DTD.

    Declarations are where XML bombs and references to other files live; annotations need none.
    """

    def refuse(*_: object) -> NoReturn:
        raise SampleError(f"{path}: expected an annotation without a document type, got one; {CORRECT}")

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(read_bytes(path, most), True)
    except OSError as error:
        raise SampleError(
            f"{path}: expected an annotation, got no readable file ({error.strerror}); {CORRECT}"
        ) from None
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: encodings
        raise SampleError(f"{path}: expected an annotation in XML, got a damaged file ({error}); {CORRECT}") from None
    return builder.close()
