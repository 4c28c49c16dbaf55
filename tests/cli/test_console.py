"""What tables are printed with."""

from masivo_stream.cli.console import Output


def test_a_name_between_colons_stays_a_name(capsys):
    """A file may be called so: it is no code for a picture."""
    Output().print("a:tada:.ndjson")
    assert capsys.readouterr().out == "a:tada:.ndjson\n"
