#!/usr/bin/env bash
# Makes .venv with grit and its tools. Quick when nothing has changed. Variables:
#   PYTHON    the Python to use (3.11 or newer, with venv); left out, the newest that is found
#   PIP_ARGS  further arguments for pip, for instance --index-url ADDRESS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
stamp=$venv/.grit-setup
least='sys.version_info >= (3, 11)'

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

is_new_enough() { "$1" -c "import sys; sys.exit(not ($least))" 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# The first Python that is new enough; one with venv before one without.
find_python() {
    local candidate without=""
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3.14 python3}; do
        command -v "$candidate" >/dev/null && is_new_enough "$candidate" || continue
        if has_venv "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
        without=${without:-$candidate}
    done
    printf '%s' "$without"
}

# Installs packages where we may (root, or sudo without a password); otherwise says what to run.
apt_install() {
    local become=()
    command -v apt-get >/dev/null ||
        stop "$1 is missing; install it, or name a Python: make setup PYTHON=/path/to/python3.12"
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || stop "$1 is missing; run: sudo apt-get install ${*:2}"
        become=(sudo -n)
    fi
    say "installing ${*:2}"
    ${become[@]+"${become[@]}"} apt-get update -qq >&2 || say "apt-get update failed; going on"
    ${become[@]+"${become[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${@:2}" >&2
}

# A Python that is new enough and has venv, installed if it has to be.
need_python() {
    local python version
    python=$(find_python)
    if [ -z "$python" ] && [ -n "${PYTHON:-}" ]; then
        stop "PYTHON=$PYTHON is not there, or older than 3.11; name another, or leave it out"
    fi
    if [ -z "$python" ]; then
        apt_install "Python 3.11 or newer" python3 python3-venv
        python=$(find_python)
    fi
    if [ -z "$python" ]; then # an older release, whose own python3 is too old (Ubuntu 22.04)
        apt_install "Python 3.11 or newer" python3.11 python3.11-venv
        python=$(find_python)
    fi
    [ -n "$python" ] || stop "found no Python 3.11 or newer; install one, then: make setup PYTHON=…"
    if ! has_venv "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "the venv module of $python" "python$version-venv"
        has_venv "$python" || stop "$python has no venv; name another: make setup PYTHON=…"
    fi
    printf '%s' "$python"
}

# What the environment depends on: if this has not changed, there is nothing to do.
fingerprint() {
    { pwd; cat pyproject.toml constraints.txt; } | { sha256sum 2>/dev/null || cksum; }
}

if [ -x $venv/bin/grit ] && [ -f $stamp ] && [ "$(cat $stamp)" = "$(fingerprint)" ]; then
    exit 0
fi

if [ -e $venv ] && ! { [ -x $venv/bin/python ] && is_new_enough $venv/bin/python; }; then
    stop "$venv is there, without a working Python 3.11 or newer; remove it: rm -r $venv"
fi
if ! { [ -x $venv/bin/python ] && $venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    python=$(need_python)
    say "making $venv with $("$python" --version)"
    "$python" -m venv $venv
fi

say "installing grit and its tools (the first time, some minutes)"
# shellcheck disable=SC2086  # PIP_ARGS is several words on purpose
$venv/bin/python -m pip install --quiet --disable-pip-version-check \
    -c constraints.txt ${PIP_ARGS:-} -e '.[dev]' ||
    stop "pip could not install; another index may help: make setup PIP_ARGS='--index-url ADDRESS'"
fingerprint >$stamp
say "done: $venv/bin/grit --help"
