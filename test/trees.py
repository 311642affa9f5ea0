"""Compares two directory trees: names, types, modes, owners, times, contents, link targets, extended attributes."""

import os
import stat

from tarnlib import Failed

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def _list(root):
    """Relative path -> lstat result, of everything below `root`."""
    found = {}
    pending = [b""]
    root = os.fsencode(root)
    while pending:
        folder = pending.pop()
        for entry in os.scandir(os.path.join(root, folder)):
            path = os.path.join(folder, entry.name)
            found[path] = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
    return found


def _user_attributes(path):
    names = [n for n in os.listxattr(path, follow_symlinks=False) if n.startswith("user.") and "tarn" not in n]
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in sorted(names)}


def _first_difference(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        offset = 0
        while True:
            p, q = x.read(1 << 20), y.read(1 << 20)
            if p != q:
                at = next((i for i, (c, d) in enumerate(zip(p, q)) if c != d), min(len(p), len(q)))
                return offset + at
            if not p:
                return None
            offset += len(p)


def _differences_of(a, b, x, y, times):
    kind = stat.S_IFMT(x.st_mode)
    if kind != stat.S_IFMT(y.st_mode):
        yield f"{KINDS[kind]} and {KINDS[stat.S_IFMT(y.st_mode)]}"
        return
    if x.st_mode != y.st_mode and kind != stat.S_IFLNK:
        yield f"mode {stat.S_IMODE(x.st_mode):o} and {stat.S_IMODE(y.st_mode):o}"
    if (x.st_uid, x.st_gid) != (y.st_uid, y.st_gid):
        yield f"owner {x.st_uid}:{x.st_gid} and {y.st_uid}:{y.st_gid}"
    if times and kind == stat.S_IFREG and x.st_mtime_ns != y.st_mtime_ns:
        yield f"mtime {x.st_mtime_ns} and {y.st_mtime_ns}"
    if kind == stat.S_IFLNK and os.readlink(a) != os.readlink(b):
        yield f"target {os.readlink(a)} and {os.readlink(b)}"
    if kind in (stat.S_IFREG, stat.S_IFDIR) and _user_attributes(a) != _user_attributes(b):
        yield f"attributes {_user_attributes(a)} and {_user_attributes(b)}"
    if kind == stat.S_IFREG:
        if x.st_size != y.st_size:
            yield f"size {x.st_size} and {y.st_size}"
        else:
            at = _first_difference(a, b)
            if at is not None:
                yield f"contents differ from byte {at} of {x.st_size}"


def _is_special(facts):
    return stat.S_IFMT(facts.st_mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)


def differences(a, b, times=True, limit=10, special=True):
    """At most `limit` lines that say how tree `a` differs from tree `b`. Directory times are not compared: making
    the entries changes them. Without `special` fifos, sockets and devices do not count, which no source keeps."""
    left, right = _list(a), _list(b)
    if not special:
        left, right = ({path: facts for path, facts in side.items() if not _is_special(facts)} for side in (left, right))
    found = []
    for path in sorted(left.keys() | right.keys()):
        name = os.fsdecode(path)
        if path not in right:
            found.append(f"{name}: only in {a}")
        elif path not in left:
            found.append(f"{name}: only in {b}")
        else:
            p, q = os.path.join(os.fsencode(a), path), os.path.join(os.fsencode(b), path)
            found += [f"{name}: {d}" for d in _differences_of(p, q, left[path], right[path], times)]
        if len(found) >= limit:
            break
    return found[:limit]


def same(a, b, times=True, special=True):
    """Fails, naming the first differences, unless the trees are equal."""
    found = differences(a, b, times, special=special)
    if found:
        raise Failed(f"{a} and {b} differ: " + "; ".join(found))
