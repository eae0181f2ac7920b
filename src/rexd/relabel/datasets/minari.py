"""Minari datasets: a folder to a folder, whose episodes keep the environment's reward among their infos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rexd.errors import DemonstrationError, import_extra
from rexd.reading.containers.folders import inside, read_json
from rexd.reading.containers.source import Source
from rexd.reading.formats import minari
from rexd.reading.minari.storage import open_storage
from rexd.reading.minari.writing import REWARDS_KNOWN, dataset_id_at
from rexd.reading.rows.hints import Hints
from rexd.relabel.datasets.dataset import KEPT, OutputFile, Rewards
from rexd.relabel.datasets.hdf5 import replace_rewards

_DATA, _METADATA = "main_data.hdf5", "metadata.json"


class Minari:
    """One Minari dataset with the HDF5 storage."""

    layout = minari.FORMAT.name

    def __init__(self, source: Source) -> None:
        """Find the episodes of the dataset.

        Raises:
            DemonstrationError: The dataset is damaged, or of another storage.
        """
        path = source.path if source.exists else minari.dataset_folder(str(source.text_id))
        folder = minari.data_folder(path)
        self.demos = minari.load(source, Hints())
        if folder is None or not (folder / _DATA).is_file():
            raise DemonstrationError(
                f"{source.name}: is not stored as HDF5; expected data/{_DATA}, as relabelling copies it. Write it "
                f"again so: rexd convert {source.name} NEW-v0"
            )
        self._folder, self._data = folder, Source(inside(folder, folder / _DATA))
        self._numbers = open_storage(folder, "hdf5").numbers
        self.files = (OutputFile(f"data/{_DATA}", 0, self.demos.n_transitions),)
        self.size = self._data.size

    def write(self, file: OutputFile, target: Path, rewards: Rewards) -> None:
        """Write all episodes, in their order."""
        h5py = import_extra("h5py", "minari")
        start = file.start
        with self._data.open_hdf5() as old, h5py.File(target, "w", track_order=True) as new:
            new.attrs.update(old.attrs)
            for number, length in zip(self._numbers, self.demos.lengths.tolist(), strict=True):
                episode = old[f"episode_{number}"]
                made = new.create_group(f"episode_{number}")
                made.attrs.update({k: v for k, v in episode.attrs.items() if k != REWARDS_KNOWN})
                for name in episode:
                    if name != "rewards":
                        episode.copy(name, made)
                made.require_group("infos")
                told = (
                    episode if episode.attrs.get(REWARDS_KNOWN, True) else {}
                )  # else the file has zeros in their place
                replace_rewards(told, made, start, start + length, rewards, f"infos/{KEPT}")
                start += length

    def describe(self, folder: Path, out: Path) -> None:
        """Write the metadata, which makes a dataset of the folder, and copy what lies beside it."""
        described = read_json(self._folder, self._folder / _METADATA, "Minari's metadata")
        data = folder / "data"
        for file in sorted(self._folder.iterdir()):
            if file.is_file() and file.name not in (_DATA, _METADATA) and not file.name.startswith("."):
                shutil.copyfile(inside(self._folder, file), data / file.name)
        described["dataset_id"] = dataset_id_at(out)
        described["dataset_size"] = round((data / _DATA).stat().st_size / 10**6, 1)
        (data / _METADATA).write_text(json.dumps(described), encoding="utf-8")
