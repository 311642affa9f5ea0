"""What scripts/tidy checks of the shape of C++ sources: sizes, comments that the formatter has torn, braces, wide
interfaces, one source for each class, the order of meta's rooms, the seam of time, the one way to commit.

A check takes a path relative to the top of the repository and the lines of the file, and yields (line number, fault).
"""

import collections
import os
import re

LINES = {".h": 200, ".cc": 500}
FUNCTION_LINES = 70
COLUMNS = 100
PURE_VIRTUALS = 12
# Interfaces that are wider, and why.
WIDE = {}
# Classes whose methods are defined in several sources, and why.
SPREAD = {
    "meta/Preparation": "files and directories are to become classes",
}
# Where the machine's clock may be taken: the parts that compose, and the clock itself.
CLOCK_FOLDERS = ("node/", "main/", "base/clock.", "test/", "fuzz/")

# The one source of meta/ that commits transactions.
COMMITTER = "meta/store/change.cc"

COMMIT = re.compile(r"\bTransact\(|(?:\.|->)Commit\(")
TYPE_OR_NAMESPACE = re.compile(r"^ *(?:namespace|extern|struct|class|enum|union|template|//|#|:)")
TRAILING = re.compile(r"^(?P<code>.*[^\s/].*?)\s+// ")
CONTROL = re.compile(r"^\s*(?:\} )?(?:else )?(?:if|for|while)\b(?: constexpr)? ?\(")
CLASS = re.compile(r"^(?P<indent> *)(?:class|struct) (?:[A-Z_]+\(.*?\) )?(?P<name>\w+)(?: final)?(?: : .*)? \{$")
DECLARED = re.compile(r"^ *(?:class|struct) (?:[A-Z_]+\(.*?\) )?(\w+)(?: final)?(?: : .*)?(?: \{|;)?$", re.M)
METHOD = re.compile(r"^(?:[\w:<>,*&][\w:<>,*& ]* )?[*&]?(?P<name>\w+)::~?\w+\(", re.M)
PURE = re.compile(r"\)(?: const)?(?: noexcept)?(?: [A-Z_]+\(.*\))? = 0;$")
META_INCLUDE = re.compile(r'^#include "meta/(\w+)/')
ROOMS = re.compile(r"In `meta/` each room includes only\s+those before it: ((?:`\w+`(?:, )?\s*)+)")


def is_test(path):
    """Tests and what only they use."""
    return path.endswith("_bench.cc") or "/testing/" in path or has_cases(path)


def has_cases(path):
    return path.endswith("_test.cc") or "_contract" in os.path.basename(path)


def indent_of(line):
    return len(line) - len(line.lstrip(" "))


def code_of(line):
    """The line without its comment. A // in a string literal counts as none."""
    at = -1
    while (at := line.find("//", at + 1)) >= 0:
        if line[:at].count('"') % 2 == 0:
            return line[:at].rstrip()
    return line.rstrip()


def statement_start(lines, i):
    """The first line of the statement that ends on line i, however many lines its parentheses span."""
    closing = lines[i].count(")") - lines[i].count("(")
    while closing > 0 and i > 0:
        i -= 1
        closing += lines[i].count(")") - lines[i].count("(")
    return i


def sizes(path, lines):
    extension = os.path.splitext(path)[1]
    limit = LINES[".cc"] if has_cases(path) else LINES[extension]
    if len(lines) - 1 > limit:
        yield 1, f"{len(lines) - 1} lines; at most {limit}"
    if extension == ".h" and "#pragma once" not in lines[:3]:
        yield 1, "#pragma once must come first"


def long_functions(_, lines):
    """Each too long block that is not a namespace or type."""
    for i, line in enumerate(lines):
        if not line.endswith("{"):
            continue
        start = statement_start(lines, i)
        if TYPE_OR_NAMESPACE.match(lines[start]) and "(" not in lines[start]:
            continue
        # A closing brace at the statement's indentation ends the block, whatever follows it on its line.
        indent = indent_of(lines[start])
        for j in range(i + 1, len(lines)):
            if lines[j].strip() and indent_of(lines[j]) <= indent:
                if lines[j].lstrip().startswith("}") and j - start + 1 > FUNCTION_LINES:
                    yield start + 1, f"a block of {j - start + 1} lines; at most {FUNCTION_LINES}"
                break


def continues(line):
    """Whether a statement goes on after this line of code without a comment."""
    text = line.strip()
    return bool(text) and not text.startswith(("//", "#")) and not text.endswith((";", "{", "}", ":", ",")) and (
        text.endswith(("=", "(")) or re.fullmatch(r"[\w:<>, *&]+", text) is not None)


def torn_start(lines, i):
    """The first line of the declaration that ends on line i with a comment."""
    start = statement_start(lines, i)
    if lines[i].lstrip().startswith("}"):
        for j in range(i - 1, max(i - 6, -1), -1):
            if code_of(lines[j]) != lines[j].rstrip():
                return i
            if re.match(r" *enum\b.*\{$", lines[j]):
                return j
        return i
    while start > 0 and continues(lines[start - 1]):
        start -= 1
    return start


def torn_comments(_, lines):
    for i, line in enumerate(lines):
        match = TRAILING.match(line)
        if not match or line.lstrip().startswith("//") or code_of(line) == line.rstrip():
            continue
        code = code_of(line)
        if i + 1 < len(lines) and lines[i + 1].startswith(" " * line.index("//", len(code)) + "//"):
            yield i + 1, "a trailing comment of two lines: write it above"
        start = torn_start(lines, i)
        joined = " ".join(part.strip() for part in lines[start:i] + [code]).replace("( ", "(")
        if start < i and indent_of(lines[start]) + len(joined) <= COLUMNS:
            yield start + 1, "a declaration torn by its trailing comment: write it above"


def missing_braces(_, lines):
    for i, line in enumerate(lines):
        code = code_of(line)
        if re.match(r"^\s*(?:\} )?else$", code):
            yield i + 1, "a statement on a line of its own without braces"
        if not CONTROL.match(code) or code.lstrip().startswith("} while"):
            continue
        depth, j = code.count("(") - code.count(")"), i
        while depth > 0 and j + 1 < len(lines):
            j += 1
            code = code_of(lines[j])
            depth += code.count("(") - code.count(")")
        if code.endswith(")") and depth == 0:
            yield i + 1, "a statement on a line of its own without braces"


def classes(lines):
    """(name, first line, last line) of each class, lines counted from 0."""
    for i, line in enumerate(lines):
        if match := CLASS.match(line):
            end = match["indent"] + "};"
            last = next((j for j in range(i, len(lines)) if lines[j].startswith(end)), i)
            yield match["name"], i, last


def wide_interfaces(path, lines):
    for name, first, last in classes(lines):
        indent = indent_of(lines[first]) + 2
        methods = sum(PURE.search(code_of(line)) is not None for line in lines[first:last] if indent_of(line) >= indent)
        if methods > PURE_VIRTUALS and f"{path}:{name}" not in WIDE:
            yield first + 1, f"{name} has {methods} pure virtuals; at most {PURE_VIRTUALS}"


def machine_clock(path, lines):
    if path.startswith(CLOCK_FOLDERS) or is_test(path):
        return
    for number, line in enumerate(lines, 1):
        if "SystemClock()" in code_of(line):
            yield number, "SystemClock(): take a Clock, which node/ passes in"


def one_committer(path, lines):
    if not path.startswith("meta/") or path == COMMITTER or is_test(path):
        return
    for number, line in enumerate(lines, 1):
        if COMMIT.search(code_of(line)):
            yield number, f"a commit outside {COMMITTER}: call CommitChange"


def meta_rooms(architecture):
    """The rooms of meta/, lowest first, as doc/architecture.md states them."""
    found = ROOMS.search(architecture)
    if not found:
        raise ValueError("doc/architecture.md does not state the order of meta's rooms")
    return re.findall(r"`(\w+)`", found[1])


def room_order(rooms):
    def check(path, lines):
        room = re.match(r"meta/(\w+)/", path)
        if not room or is_test(path) or room[1] not in rooms:
            return
        for number, line in enumerate(lines, 1):
            other = META_INCLUDE.match(line)
            if other and other[1] in rooms and rooms.index(other[1]) > rooms.index(room[1]):
                yield number, f"room {room[1]} includes {other[1]}, which stands above it (doc/architecture.md)"
    return check


def spread_classes(files):
    """Classes with methods in several sources: (path, line, fault). `files`: {path: lines}."""
    declared = collections.defaultdict(set)
    for path, lines in files.items():
        if path.endswith(".h"):
            declared[path.split("/")[0]].update(DECLARED.findall("\n".join(lines)))
    sources = collections.defaultdict(set)
    for path, lines in files.items():
        folder = path.split("/")[0]
        if path.endswith(".cc") and not is_test(path):
            for name in METHOD.findall("\n".join(lines)):
                if name in declared[folder]:
                    sources[f"{folder}/{name}"].add(path)
    for name, paths in sorted(sources.items()):
        if len(paths) > 1 and name not in SPREAD:
            yield min(paths), 1, f"the methods of {name.split('/')[1]} are in {', '.join(sorted(paths))}"


CHECKS = [sizes, long_functions, torn_comments, missing_braces, wide_interfaces, machine_clock, one_committer]
