"""Weights in several ``.safetensors`` files with an index beside them, as hubs keep large models.

    model.safetensors.index.json       {"weight_map": {"encoder.weight": "model-00001-of-00002.safetensors", ...}}

The files are those of the index's own folder: a name that leads elsewhere is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.saving.structure import Arrays

INDEX = ".safetensors.index.json"
LONGEST = 100_000_000  # bytes, as a header's


def read(path: Path, read_one: Callable[[Path, int | None], Arrays], limit: int | None) -> Arrays:
    """The arrays of all files that the index names; ``read_one`` reads each, with what is left of the limit.

    Raises WeightsError for an index that is none, a file that lies elsewhere or is missing, and for arrays that the
    index and the files do not both name.
    """
    names = _weight_map(path)
    files = dict.fromkeys(names.values())
    arrays: Arrays = {}
    for file in files:
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise WeightsError(f"it names the file {file!r}, which is no .safetensors file of its own folder")
        shard = path.parent / file
        if not shard.is_file():
            raise WeightsError(f"its file {file} is missing")
        taken = sum(array.nbytes for array in arrays.values())
        found = read_one(shard, None if limit is None else limit - taken)
        expected = {name for name, where in names.items() if where == file}
        if expected != found.keys():
            odd = sorted(expected ^ found.keys())
            raise WeightsError(f"it and its file {file} do not name the same arrays: {', '.join(odd[:5])}")
        arrays |= found
    return arrays


def _weight_map(path: Path) -> dict[str, str]:
    """Which array is in which file."""
    if path.stat().st_size > LONGEST:
        raise WeightsError("an index has 100 MB at most")
    index = json.loads(path.read_text(encoding="utf-8"))
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names or not all(isinstance(file, str) for file in names.values()):
        raise WeightsError("it has no weight_map, which says the file of each array")
    return names
