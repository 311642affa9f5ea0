"""What scripts/tidy checks of the words in comments and documents (CONTRIBUTING.md, "Style").

Sentences name their actors, and use the words of the glossary: WORDS are those that do not. A comment does not begin with
the words of BEGINNING, which lean on the name or comment before.
"""

import re

WORDS = re.compile(r"\b([Nn]obody|[Ss]omebody|[Aa]nybody|[Ww]hoever|[Ff]or ever|[Aa]new|[Ss]hall)\b")
BEGINNING = re.compile(r"(?:Of|The same|As)\b ")
CXX_COMMENT = re.compile(r"^(?P<code>.*?)(?P<mark>//) ?(?P<text>.*)$")
# A # within a string is no comment; comments of our scripts stand at the beginning or behind a blank.
SCRIPT_COMMENT = re.compile(r"^(?P<code>(?:[^\"'#]|\"[^\"]*\"|'[^']*')*?)(?P<mark>(?:(?<=\s)|^)#) (?P<text>.*)$")
DOCSTRING = re.compile(r'^ *"""(.*?)"""', re.M | re.S)


def word_faults(text):
    return [f"the word {word!r}: name the actor, or say again, forever or must" for word in WORDS.findall(text)]


def comments(lines, pattern):
    """(line number, text, whether a comment begins there) of each line with a comment."""
    inside = False
    for number, line in enumerate(lines, 1):
        match = pattern.match(line)
        if match and not (pattern is CXX_COMMENT and match["code"].count('"') % 2):
            whole = not match["code"].strip()
            yield number, match["text"], not (whole and inside)
            inside = whole
        else:
            inside = False


def faults(path, lines):
    """(line number, fault) of the comments of a C++ source or of a script."""
    is_cxx = path.endswith((".h", ".cc", ".inc", ".proto"))
    for number, text, begins in comments(lines, CXX_COMMENT if is_cxx else SCRIPT_COMMENT):
        yield from ((number, fault) for fault in word_faults(text))
        if begins and BEGINNING.match(text):
            yield number, f"a comment that begins with {BEGINNING.match(text)[0]!r}: name its subject"
    if is_cxx:
        return
    text = "\n".join(lines)
    for found in DOCSTRING.finditer(text):
        first = text.count("\n", 0, found.start()) + 1
        for offset, line in enumerate(found[1].split("\n")):
            yield from ((first + offset, fault) for fault in word_faults(line))
        if BEGINNING.match(found[1]):
            yield first, f"a comment that begins with {BEGINNING.match(found[1])[0]!r}: name its subject"
