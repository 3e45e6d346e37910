"""POSIX shell scripts that run on the computer of a data router.

Each is sent after `TOOLS` and the variables that it reads. Its output consists of
words that end in a zero byte, since file names may contain any other.

Source: attpc-daq, daq/workertasks.py (dataRouter is found by name, its directory by
lsof).
"""

from __future__ import annotations

# Functions of the scripts; each word of their output ends in a zero byte. `has` fails
# if it cannot list a directory, because [ -e ] also denies files without permission.
TOOLS = b"""
PATH=$PATH:/usr/sbin:/sbin
tell() { printf '%s\\0' "$@"; }
listed() { bad=$(ls -- "$1/" 2>&1 >/dev/null) || { tell problem "$bad"; exit; }; }
data() {
  set -- *.graw
  [ -e "$1" ] || [ -L "$1" ] || shift
  tell files "$#" "$@"
  if [ $# -eq 0 ]; then :
  elif [ -d /proc/self ]; then stat -c '%f %s' -- "$@" </dev/null
  else stat -f '%Xp %z' -- "$@" </dev/null; fi
  printf '\\0'
}
"""

# Of each dataRouter the number, directory, arguments; readlink, lsof add a newline
PROC = b"""
routers() {
  for p in /proc/[0-9]*; do
    n=; { read -r n <"$p/comm"; } 2>/dev/null
    [ "$n" = dataRouter ] || continue
    tell router "${p#/proc/}"; readlink "$p/cwd" 2>/dev/null; printf '\\0'
    tr '\\0' ' ' 2>/dev/null <"$p/cmdline"; printf '\\0'
  done
}
"""
LSOF = b"""
routers() {
  for p in $(ps -axo pid=,comm= |
             sed -n 's,^ *\\([0-9]*\\) \\(.*/\\)*dataRouter *$,\\1,p'); do
    tell router "$p"; lsof -a -p "$p" -d cwd -Fn | sed -n 's/^n//p'; printf '\\0'
    ps -ww -o args= -p "$p"; printf '\\0'
  done
}
"""
ROUTERS = b"if [ -d /proc/self ]; then" + PROC + b"else" + LSOF + b"fi\n"

OBSERVE = b"""
tell "$(date -u +%s.%N)"
routers
if [ -n "$d" ]; then
  tell directory; listed "$d"; cd -- "$d" || exit
  printf '%s\\n' "$PWD"; printf '\\0'
  data
  df -P -k . 2>/dev/null </dev/null; printf '\\0'
fi
"""

FILES = b"""
listed "$d"; cd -- "$d" || exit
data
"""

HAS = b"""
listed "$d"; cd -- "$d" || exit
if [ -e "$e" ] || [ -L "$e" ]; then
  listed "./$e"
  if [ -e "$e/$f" ] || [ -L "$e/$f" ]; then tell yes; else tell no; fi
else tell no; fi
"""

# Link, then remove the old name: unlike mv it fails if the new name exists. A repeated
# move after a cut connection finds both names, the new one, or a move that still runs.
# All files at once, since a process costs a millisecond; then the rest one by one
MOVE = b"""
listed "$d"; cd -- "$d" || exit
if [ $# -gt 0 ]; then
  e=$(mkdir -p -- "$t" 2>&1) || { tell problem "$e"; exit; }
  ln -- "$@" "$t/" 2>/dev/null
fi
for f; do
  shift
  [ -f "$f" ] && [ ! -L "$f" ] || continue
  n=$t/$f
  if [ "$f" -ef "$n" ]; then set -- "$@" "$f"; continue; fi
  if [ -e "$n" ] || [ -L "$n" ]; then e='a file of that name exists'
  else e=$(mv -n -- "$f" "$n" 2>&1); fi
  [ ! -e "$f" ] || tell stayed "$f" "$e"
done
if [ $# -gt 0 ]; then
  e=$(rm -f -- "$@" 2>&1) || for f; do [ ! -e "$f" ] || tell stayed "$f" "$e"; done
fi
if [ -d "$t" ]; then listed "./$t"; cd -- "$t" && data; fi
"""
