"""What all templates share."""

import jinja2
import pytest

from masivo_stream.observe.templating import CompiledTemplates


def render(directory, source, *, writes=True):
    """Render a template as a new process would."""
    parts = jinja2.Environment(
        loader=jinja2.DictLoader({"page": source}),
        bytecode_cache=CompiledTemplates(directory, writes=writes),
        autoescape=True,
    )
    return parts.get_template("page").render(name="Ana")


def test_a_template_is_compiled_again_only_if_it_has_changed(tmp_path):
    """What is kept of the one before is not taken for the new one."""
    kept = tmp_path / "__pycache__"
    assert render(kept, "Hello {{ name }}") == "Hello Ana"
    (file,) = kept.iterdir()
    written = file.stat().st_mtime_ns, file.stat().st_ino
    assert render(kept, "Hello {{ name }}") == "Hello Ana"
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == written
    assert render(kept, "Bye {{ name }}") == "Bye Ana"


@pytest.mark.parametrize("damage", [b"", b"no bytecode", None])
def test_a_template_is_rendered_whatever_is_kept_of_it(tmp_path, damage):
    """A file that is cut or damaged is no obstacle."""
    kept = tmp_path / "__pycache__"
    render(kept, "Hello {{ name }}")
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:-9] if damage is None else damage)
    assert render(kept, "Hello {{ name }}") == "Hello Ana"


def test_a_template_is_rendered_where_nothing_can_be_kept(tmp_path):
    """Nothing is written where it must not be, or cannot."""
    (tmp_path / "file").write_bytes(b"")
    assert render(tmp_path / "file" / "__pycache__", "Hello {{ name }}") == "Hello Ana"
    assert render(tmp_path / "file", "Hello {{ name }}") == "Hello Ana"
    assert render(tmp_path / "none", "Hello {{ name }}", writes=False) == "Hello Ana"
    assert not (tmp_path / "none").exists()
