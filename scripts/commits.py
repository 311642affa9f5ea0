"""What scripts/tidy checks of commits: those that the upstream of the branch lacks; without an upstream, the last one.

The subject is `module: what, imperative`, of at most 72 characters, with one idea and so without a semicolon. A commit of
more than 20 changed lines has a body that says why.
"""

import re
import subprocess

SUBJECT = re.compile(r"[a-z0-9_/.-]+(?:, [a-z0-9_/.-]+)*: \S")
SUBJECT_CHARACTERS = 72
LINES_WITHOUT_BODY = 20


def faults_of(subject, body, changed_lines):
    if not SUBJECT.match(subject):
        yield "the subject is not `module: what`"
    if len(subject) > SUBJECT_CHARACTERS:
        yield f"a subject of {len(subject)} characters; at most {SUBJECT_CHARACTERS}"
    if ";" in subject:
        yield "two ideas in one subject: a semicolon"
    if changed_lines > LINES_WITHOUT_BODY and not body.strip():
        yield f"{changed_lines} changed lines and no body that says why"


def git(root, *arguments):
    """The output; None where there is no git, no repository or no such commit."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, errors="replace",
                              check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def parse(log):
    """(hash, subject, body, changed lines) of each commit that `git log` has written, in the format of `faults`."""
    for entry in log.split("\x01")[1:]:
        head, _, numbers = entry.partition("\x02")
        commit, subject, body = head.split("\x00", 2)
        counts = [line.split("\t")[:2] for line in numbers.strip().split("\n") if line]
        yield commit, subject, body, sum(int(count) for pair in counts for count in pair if count.isdigit())


def faults(root):
    """(commit, fault) of the commits to be checked."""
    upstream = git(root, "rev-parse", "--verify", "--quiet", "@{upstream}")
    which = ["@{upstream}..HEAD"] if upstream else ["-1", "HEAD"]
    log = git(root, "log", "--no-merges", "--numstat", "--format=%x01%h%x00%s%x00%b%x02", *which)
    for commit, subject, body, changed_lines in parse(log or ""):
        for why in faults_of(subject, body, changed_lines):
            yield f"commit {commit}", why
