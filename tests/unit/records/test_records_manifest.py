from __future__ import annotations

import subprocess

from grit.records.folder import RunFolder
from grit.records.manifest import (
    DataFile,
    Manifest,
    ModelFiles,
    command_line,
    describe_hardware,
    git_commit,
    hash_file,
    hash_folder,
    hash_text,
    installed_versions,
)

# The first two test vectors of FIPS 180-4.
SHA_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hashes_are_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    assert hash_file(tmp_path / "abc") == hash_text("abc") == SHA_OF_ABC
    assert hash_file(tmp_path / "empty") == SHA_OF_NOTHING


def test_the_hash_of_a_folder_follows_names_and_contents_only(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "b").write_bytes(b"b")
        (tmp_path / name / "a").write_bytes(b"a")
    (tmp_path / "two" / ".cache").mkdir()
    (tmp_path / "two" / ".cache" / "x").touch()
    assert hash_folder(tmp_path / "one") == hash_folder(tmp_path / "two")
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "c")
    assert hash_folder(tmp_path / "one") != hash_folder(tmp_path / "two")


def test_versions_name_python_and_leave_out_what_is_not_installed():
    versions = installed_versions(["pydantic", "surely-not-installed"])
    assert set(versions) == {"python", "pydantic"}


def test_the_command_can_be_pasted_into_a_shell():
    line = command_line(["ask", "my cat.png", "what's this?"])
    done = subprocess.run(["sh", "-c", f"printf '%s|' {line}"], capture_output=True, text=True)
    assert done.stdout == "grit|ask|my cat.png|what's this?|"


def test_a_folder_outside_of_git_has_no_commit(tmp_path):
    assert git_commit(tmp_path) is None


def test_a_changed_working_tree_is_not_passed_off_as_its_commit(tmp_path):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *who, *arguments], capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "a").write_text("1", encoding="utf-8")
    git("add", "a")
    git("commit", "-qm", "one")
    head = git("rev-parse", "HEAD")
    assert git_commit(tmp_path) == head
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert git_commit(tmp_path) == f"{head}+changes"


def test_a_manifest_comes_back_from_its_file(tmp_path):
    folder = RunFolder.create(tmp_path)
    manifest = Manifest(
        grit_version="0.1.0",
        created="2025-01-01T00:00:00+00:00",
        command="grit train demo.yaml",
        seeds={"training": 1},
        versions=installed_versions(),
        hardware=describe_hardware(["NVIDIA H200"]),
        min_pixels=3136,
        max_pixels=200704,
        image_backend="pil",
        model=ModelFiles(path="builtin", sha256=SHA_OF_ABC, family="qwen2_5_vl"),
        data=(DataFile(path="triplets.jsonl", sha256=SHA_OF_NOTHING, num_rows=20),),
        recipe_sha256=SHA_OF_ABC,
    )
    folder.write_manifest(manifest)
    assert folder.read_manifest() == manifest
    assert manifest.hardware.num_cores >= 1
    assert manifest.hardware.cpu
