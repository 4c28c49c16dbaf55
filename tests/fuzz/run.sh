#!/usr/bin/env bash
# Fuzz the extension that proves lines, under the address and undefined-behaviour sanitizers:
#
#     tests/fuzz/run.sh [SECONDS] [FOLDER]
#
# Needs clang with libFuzzer (Debian: clang, libclang-rt-dev) and a Python with its headers and shared library. FOLDER
# keeps what libFuzzer learns from one run to the next; a line that breaks the law is written there as crash-….
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
seconds=${1:-60}
folder=${2:-}
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
python=${PYTHON:-$root/.venv/bin/python}
mkdir -p "$folder/corpus"

# The modules of the environment, for the Python inside of the fuzzer.
PYTHONPATH=$("$python" -c 'import sys; print(":".join([*sys.argv[1:], *filter(None, sys.path)]))' "$root/tests" "$root")
PYTHONHOME=$("$python" -c 'import sys; print(sys.base_prefix)')
export PYTHONPATH
"$python" -m fuzz.oracle "$folder"

include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
library=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
version=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LDVERSION"))')
clang -std=c11 -g -O1 -Wall -Wextra -Werror -Wno-missing-field-initializers \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -DPy_LIMITED_API=0x030B0000 -I"$include" tests/fuzz/prover_fuzzer.c \
    -L"$library" -Wl,-rpath,"$library" "-lpython$version" -o "$folder/prover_fuzzer"

# Leaks are looked for by a test of its own: the interpreter keeps much until it ends.
export PYTHONHOME PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
cd "$folder"
./prover_fuzzer -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -dict=words -print_final_stats=1 corpus seeds
