#!/usr/bin/env python3
"""Kills the daemon of a mount (kill -9) and mounts the same source again.

usage: kill_and_remount.py BINARY STATE SOURCE MOUNTPOINT
"""

import json
import os
import signal
import subprocess
import sys

from tarnlib import eventually, first_object, run, running

binary, state, source, mnt = sys.argv[1:]
told = run(binary, "stat", "--json", "--at", mnt).stdout
pid = int(first_object(json.loads(told), "pid")["pid"])
os.kill(pid, signal.SIGKILL)
eventually(lambda: not running(pid), f"process {pid} is gone")
sys.exit(subprocess.run([binary, "mount", "-o", "suid,dev", "--state", state, source, mnt], stdout=subprocess.DEVNULL).returncode)
