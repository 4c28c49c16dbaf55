"""A catalogue is read from JSON: by hand, or what `check --json` printed; any other file is refused with the reason."""

import json

import pytest

from masivo_stream.edges.files import catalogue_file
from masivo_stream.edges.files.catalogue_file import read_catalogue, recall_names, remember_names
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.references import Catalogue, CatalogueItem, CatalogueReward


def test_a_list_is_enough(tmp_path):
    """Ids alone; other lists are not known; other fields, and a byte order mark, are ignored."""
    path = tmp_path / "catalogue.json"
    path.write_bytes(
        b'\xef\xbb\xbf{"rewards": [{"id": "r", "more": 1}], "brands": [{"id": "b", "name": "B"}], "note": 1}'
    )
    assert read_catalogue(str(path)) == Catalogue(
        rewards=[CatalogueReward(id="r")], brands=[CatalogueItem(id="b", name="B")]
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no catalogue"),
        (b"[]", "Expected `object`"),
        (b"{}", "it lists nothing"),
        (b'{"rewards": null}', "it lists nothing"),
        (b'{"rewards": ["r"]}', "$.rewards[0]"),
        (b'{"tiers": [{"name": "x"}]}', "missing required field `id`"),
        (b'{"tiers": [{"id": "\xff"}]}', "is no catalogue"),
        (b"[" * 100_000, "is no catalogue"),
    ],
)
def test_a_file_that_is_not_a_catalogue_is_refused(tmp_path, content, why):
    """With the reason, and with what one looks like."""
    path = tmp_path / "catalogue.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"is no catalogue") as refused:
        read_catalogue(str(path))
    assert why in str(refused.value)
    assert refused.value.place == str(path)
    assert "check --json" in refused.value.hint


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """A file that is not there, a directory, a name that no file can have, and far too many bytes."""
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(catalogue_file.MOST_BYTES + 1)
    for path in (tmp_path / "missing", tmp_path, "a\0b", large):
        with pytest.raises(ConfigurationError, match="is no catalogue"):
            read_catalogue(str(path))


def test_a_run_remembers_the_names_of_rewards_and_nothing_else(tmp_path):
    """Of the last catalogue. Without one, or if the file is damaged, there are no names."""
    state = StateDir(tmp_path)
    assert recall_names(tmp_path) == []
    rewards = [CatalogueReward(id="r1", name="Puntos", brand_id="b", type="POINTS"), CatalogueReward(id="r2")]
    remember_names(state, Catalogue(rewards=rewards, brands=[CatalogueItem(id="b", name="Andes")]))
    assert json.loads((tmp_path / "rewards.json").read_bytes()) == {"rewards": [{"id": "r1", "name": "Puntos"}]}
    assert (tmp_path / "rewards.json").stat().st_mode & 0o077 == 0
    assert recall_names(tmp_path) == [CatalogueReward(id="r1", name="Puntos")]
    remember_names(state, Catalogue(tiers=[]))
    assert recall_names(tmp_path) == []
    for damage in (b"", b"{", b"[]", b'{"rewards": 5}', b"\xff"):
        (tmp_path / "rewards.json").write_bytes(damage)
        assert recall_names(tmp_path) == []
