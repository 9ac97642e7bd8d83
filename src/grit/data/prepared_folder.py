"""The folder of a prepared set: refused where it is taken, written whole, with hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from grit import __version__
from grit.data.jsonl import write_samples
from grit.data.readers.reader import ReadRow
from grit.data.readers.values import as_list, as_object
from grit.data.sample import Sample
from grit.data.summary import summarise
from grit.errors import DataError
from grit.records.atomic import atomic_write_text, write_directory

__all__ = ["FORMAT", "MANIFEST", "REJECTED", "PreparedFolder"]

FORMAT = 1
"""Version of the manifest."""

MANIFEST = "manifest.json"
REJECTED = "rejected/rejected.jsonl"


class PreparedFolder:
    """One folder of a prepared set.

    Args:
        path: The folder, under its final name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        whole = path.absolute()
        self.partial = whole.parent / f".{whole.name}.partial"
        """Where the folder grows until it is whole."""

    def refuse_taken(self, *, overwrite: bool) -> None:
        """Say no where something stands already, but for a preparation that failed.

        Raises:
            DataError: If a file has the name, or a folder with anything in it but a set that may
                be replaced.
        """
        if not self.path.exists() or self._is_failed():
            self._make_partial()
            return
        if not self.path.is_dir():
            raise DataError(f"{self.path} is a file; name a folder with --to")
        if not any(self.path.iterdir()):
            return
        foreign = self._foreign_files()
        if foreign:
            raise DataError(
                f"{self.path} holds files that grit did not prepare ({', '.join(foreign[:4])}); "
                "they are left alone, with --overwrite too: name another folder with --to"
            )
        if not overwrite:
            raise DataError(
                f"{self.path} holds a prepared set; name another folder with --to, or replace it "
                "with --overwrite"
            )

    def write(
        self,
        name: str,
        samples: Sequence[Sample],
        manifest: dict[str, Any],
        rejected: Sequence[ReadRow],
    ) -> tuple[Path, dict[str, Any]]:
        """Write samples, list of rejected rows and manifest; the folder takes its name.

        Returns:
            The JSONL file, and the manifest with hashes.
        """
        self._make_partial()
        file = self.partial / f"{name}.jsonl"
        write_samples(file, samples, overwrite=True)
        outputs = [file.name]
        if rejected:
            self._list_rejected(rejected)
            outputs.append(REJECTED)
        sizes = {s.image: s.image_size for s in samples if s.image_size is not None}
        sets = [asdict(each) for each in summarise(samples, sizes)]
        for each in sets:
            # The whole list may be as long as the set.
            answers = cast("dict[str, int]", each.pop("answers"))
            each["most_frequent_answers"] = dict(list(answers.items())[:10])
        counts = Counter(sample.count for sample in samples if sample.count is not None)
        whole = self._complete(manifest) | {
            "complete": True,
            "outputs": [self._described(self.partial / each, each) for each in outputs],
            "sets": sets,
            "true_counts": {str(count): counts[count] for count in sorted(counts)},
        }
        self._write_manifest(whole)
        pictures = {s.image for s in samples if s.image.is_relative_to(self.partial)}
        self._take_name([*outputs, MANIFEST], pictures)
        return self.path / f"{name}.jsonl", whole

    def write_failure(self, manifest: dict[str, Any], rejected: Sequence[ReadRow]) -> Path:
        """Write the list of rejected rows and a manifest that says so; no samples.

        An older set of the name stays; the list is then in the unfinished folder.

        Returns:
            Where the list is.
        """
        self._make_partial()
        self._list_rejected(rejected)
        self._write_manifest(self._complete(manifest) | {"complete": False, "outputs": []})
        if self.path.exists() and any(self.path.iterdir()) and not self._is_failed():
            return self.partial / REJECTED
        # Pictures that were decoded stay in the unfinished folder, for the next run.
        self._take_name([REJECTED, MANIFEST], set(), keep_rest=True)
        return self.path / REJECTED

    def drop_if_empty(self) -> None:
        """Leave no empty folder behind where nothing came of the work."""
        if not any(path.is_file() for path in self.partial.rglob("*")):
            shutil.rmtree(self.partial, ignore_errors=True)

    def _make_partial(self) -> None:
        """Make the unfinished folder, before hours of work find out that it cannot be made.

        Raises:
            DataError: If it cannot.
        """
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"cannot make {self.partial}: {reason}; name another folder with --to"
            ) from error

    def _is_failed(self) -> bool:
        """Whether the folder is what ``write_failure`` leaves."""
        return self._manifest().get("complete") is False and not self._foreign_files()

    def _manifest(self) -> dict[str, Any]:
        """The manifest that stands in the folder; empty where there is none of ours."""
        try:
            found: object = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        manifest = as_object(found)
        # Run folders, among others, have a manifest.json too.
        return manifest if "format" in manifest and "set" in manifest else {}

    def _foreign_files(self) -> list[str]:
        """Files that the folder's manifest does not account for; pictures are not looked at."""
        manifest = self._manifest()
        names = {
            path.relative_to(self.path).as_posix()
            for path in self.path.rglob("*")
            if not path.is_dir() or path.is_symlink()
        }
        if manifest:
            outputs = {as_object(each).get("file") for each in as_list(manifest.get("outputs"))}
            names -= {MANIFEST, REJECTED, *outputs}
            names = {name for name in names if not name.startswith("images/")}
        return sorted(names)

    def _complete(self, manifest: dict[str, Any]) -> dict[str, Any]:
        inputs = [self._described(Path(each), each) for each in manifest["inputs"]]
        return {"format": FORMAT, "grit": __version__, **manifest, "inputs": inputs}

    def _described(self, path: Path, name: str) -> dict[str, Any]:
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}; prepare it again") from error
        return {"file": name, "bytes": path.stat().st_size, "sha256": digest}

    def _list_rejected(self, rejected: Sequence[ReadRow]) -> None:
        lines: list[str] = []
        for row in rejected:
            reasons = [finding.text for finding in row.findings]
            kinds = [finding.kind.value for finding in row.findings]
            listed = {"file": str(row.file), "line": row.line, "kinds": kinds, "reasons": reasons}
            lines.append(json.dumps(listed | {"record": row.record}) + "\n")
        atomic_write_text(self.partial / REJECTED, "".join(lines))

    def _write_manifest(self, manifest: dict[str, Any]) -> None:
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        atomic_write_text(self.partial / MANIFEST, text)

    def _take_name(
        self, names: Sequence[str], pictures: set[Path], *, keep_rest: bool = False
    ) -> None:
        """Move what belongs to the set under its name, in one piece."""
        moved = [self.partial / name for name in names]
        moved += sorted(path for path in pictures if path.is_file())

        def fill(temporary: Path) -> None:
            for path in moved:
                to = temporary / path.relative_to(self.partial)
                to.parent.mkdir(parents=True, exist_ok=True)
                path.rename(to)

        fix = "prepare it again"
        write_directory(self.path.absolute(), fill, replace=True, what="data set", fix=fix)
        if not keep_rest:
            shutil.rmtree(self.partial)
