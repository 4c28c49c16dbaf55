#!/usr/bin/env bash
# Compare the extension that remembers with its law, under the address and undefined-behaviour sanitizers:
#
#     tests/fuzz/memory.sh [SECONDS]
#
# Needs gcc and a Python with its headers.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON:-$PWD/.venv/bin/python}
include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
gcc -std=c11 -g -O1 -Wall -Wextra -Werror -Wno-missing-field-initializers -fPIC -shared \
    -fsanitize=address,undefined -fno-sanitize-recover=all \
    -DPy_LIMITED_API=0x030B0000 -I"$include" tests/fuzz/failing_memory.c -o "$folder/_memory.abi3.so"
# Leaks are looked for by a test of its own: the interpreter keeps much until it ends.
export PYTHONPATH="$folder" PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
LD_PRELOAD=$(gcc -print-file-name=libasan.so) "$python" tests/fuzz/remember.py "$seconds"
