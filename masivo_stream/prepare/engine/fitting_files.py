"""Whether the files of one source fit each other: a file with other columns is another table, or has no header line."""

from collections.abc import Sequence

from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.prepare.mapping.frame import DataSource
from masivo_stream.prepare.sources.source_files import SourceFile

OPERATION = "load the sources"


def compare_columns(source: str, files: Sequence[SourceFile], found: Sequence[Sequence[str]]) -> list[str]:
    """Return a warning per file that lacks columns which the first file of its source has.

    Raises:
        InputError: a file has none of them.
    """
    if not files:
        return []
    warnings = []
    for file, columns in zip(files[1:], found[1:], strict=True):
        own = {name.lower() for name in columns}
        lacking = [name for name in found[0] if name.lower() not in own]
        if lacking and len(lacking) == len(found[0]):
            raise InputError(
                f"has none of the columns that {files[0].name} has",
                operation=OPERATION,
                place=file.name,
                hint="give it a header line, or make it a source of its own; header in the mapping names the columns of"
                " files without one",
            )
        if lacking:
            empty = f"so these are empty in {source}: {', '.join(lacking)}"
            warnings.append(f"{file.name} lacks columns that {files[0].name} has, {empty}")
    return warnings


def check_same_form(source: DataSource, place: str, forms: dict[str, set[bool]]) -> None:
    """Stop if a declared column is text in some files only: numbers as text would be read with the decimal mark.

    `forms` says for each column, in lower case, whether it is text.
    """
    for name in (*source.numbers, *source.dates):
        if len(forms.get(name.lower(), ())) > 1:
            raise ConfigurationError(
                f"has `{name}` as text in some files, and not in others",
                operation=OPERATION,
                place=place,
                hint="make a source of each kind of file, and UNION ALL them in the SELECT",
            )
