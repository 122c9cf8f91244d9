#!/bin/sh
# Makes .venv when it is missing and installs the given requirement files when they have changed since the last time.
# Usage: sh deploy/venv.sh requirements.txt [requirements-dev.txt]
set -eu

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "Python 3.11 or newer is needed and was not found. Install it, then run make again:" >&2
        echo "  Debian 12 or newer, Ubuntu 24.04 or newer: sudo apt install python3 python3-venv" >&2
        echo "  macOS: brew install python@3.13, or the installer from python.org" >&2
        exit 2
    fi
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "Python $version is here, but its venv module is not. Install it, then run make again:" >&2
        echo "  sudo apt install python3-venv (or python$version-venv)" >&2
        exit 2
    fi
    echo "Making the virtual environment .venv with $python ..."
    "$python" -m venv --clear .venv
}

if ! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    make_venv
fi

stamp=".venv/installed-$(echo "$*" | tr ' /' '--')"
wanted=$(cat "$@" | cksum)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
    echo "Installing $* (the first time this takes a minute or two) ..."
    arguments=""
    for file in "$@"; do arguments="$arguments -r $file"; done
    # shellcheck disable=SC2086 # one word per argument is meant
    if ! .venv/bin/python -m pip install --disable-pip-version-check $arguments; then
        echo "The packages could not be installed; the reason is above. Check the network, then run make again." >&2
        exit 2
    fi
    echo "$wanted" >"$stamp"
fi
