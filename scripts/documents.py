"""What scripts/tidy checks of the documents: what they name exists.

- Each row of a table of doc/semantics.md whose last column is "test" names a test that exists: a script of test/e2e
  (`basics`), a case of it (`basics/vim_writes`), a file of unit tests (`rename_test.cc`), or unit tests as
  --gtest_filter takes them (`Rename.*`).
- Links lead to files and headings that exist, files named in backticks exist, and so do properties.
- Their words are those that scripts/prose.py allows.
"""

import fnmatch
import functools
import os
import re

import prose

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PROMISES = "doc/semantics.md"
QUOTED = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"[\w./-]+/[\w.-]+\.(?:h|cc|md|py|inc|proto|cmake|supp)")
PROPERTY = re.compile(r"(?:tarn|s3a)(?:\.[A-Za-z0-9]+)+")
GENERATED = {"doc/configuration.md"}  # From config/property_table.inc.
NO_PROPERTIES = {"tarn.log", "tarn.1.log", "tarn.2.log"}  # Files of the log.
GTEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.M)
CASE = re.compile(r"^@[^\n]*\ndef (\w+)\(", re.M)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


@functools.cache
def files():
    """Every file of the project, relative to its top."""
    found = set()
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("build", ".git", "__pycache__")]
        found.update(os.path.relpath(os.path.join(folder, name), ROOT) for name in names)
    return found


@functools.cache
def unit_tests():
    sources = [path for path in files() if path.endswith((".cc", "_contract.h"))]
    return {".".join(names) for path in sources for names in GTEST.findall(read(path))}


@functools.cache
def properties():
    return set(re.findall(r'"((?:tarn|s3a)\.[\w.]+)"', read("config/property_table.inc")))


def test_exists(name):
    script, _, case = name.partition("/")
    if f"test/e2e/{script}" in files():
        return not case or case in cases_of(script)
    if name.endswith("_test.cc"):
        return any(path == name or path.endswith("/" + name) for path in files())
    return "." in name and any(fnmatch.fnmatchcase(test, name) for test in unit_tests())


@functools.cache
def cases_of(script):
    return set(CASE.findall(read(f"test/e2e/{script}")))


def promises():
    """(line number, cell of tests) of each row of a table of promises."""
    inside = False
    for number, line in enumerate(read(PROMISES).split("\n"), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[-1] == "test":
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            yield number, cells[-1]


def faults_of_promises():
    for number, tests in promises():
        names = QUOTED.findall(tests)
        if not names:
            yield number, "a promise without a test"
        for name in names:
            if not test_exists(name):
                yield number, f"there is no test `{name}`"


def anchor_of(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def link_fault(document, target):
    if "://" in target:
        return None
    name, _, anchor = target.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(document), name)) if name else document
    if path not in files() and not os.path.isdir(os.path.join(ROOT, path)):
        return f"a link to {target}, which does not exist"
    if anchor and anchor not in map(anchor_of, re.findall(r"^#+ (.*)$", read(path), re.M)):
        return f"a link to {target}, where no such heading is"
    return None


def quoted_fault(text):
    if FILE.fullmatch(text) and not text.startswith(("/", "~")):
        return None if text in files() else f"there is no file {text}"
    name = text.partition("=")[0]
    if PROPERTY.fullmatch(name) and name not in NO_PROPERTIES | properties():
        return f"there is no property {name}"
    return None


def faults_of_document(path):
    for number, line in enumerate(read(path).split("\n"), 1):
        found = [link_fault(path, target) for target in LINK.findall(line)]
        found += [quoted_fault(text) for text in QUOTED.findall(line)]
        if path not in GENERATED:
            found += prose.word_faults(line)
        yield from ((number, fault) for fault in found if fault)


def faults():
    """(path, line number, what is wrong) of all documents."""
    for path in sorted(path for path in files() if path.endswith(".md")):
        for number, why in faults_of_document(path):
            yield os.path.join(ROOT, path), number, why
    for number, why in faults_of_promises():
        yield os.path.join(ROOT, PROMISES), number, why
