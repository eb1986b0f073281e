#!/bin/sh
# Installs from one hashed lock into a virtual environment, then Careloom itself without looking for anything else:
# with uv where it can be had, else with pip from the same lock. Usage: tools/install.sh VENV LOCK [NAME]
# NAME=torch first installs requirements/torch.txt, the one file without hashes.
# CARELOOM_INSTALLER=pip leaves uv out.
set -eu
cd "$(dirname "$0")/.."
venv=$1
lock=$2
first=${3-}
python=$venv/bin/python

say() { printf '%s\n' "$*" >&2; }

# uv reads none of pip's variables; what pip was told, uv is told.
if [ -n "${PIP_FIND_LINKS-}" ] && [ -z "${UV_FIND_LINKS-}" ]; then
    UV_FIND_LINKS=$(printf '%s' "$PIP_FIND_LINKS" | tr -s ' ' ',')
    export UV_FIND_LINKS
fi
if [ -n "${PIP_INDEX_URL-}" ] && [ -z "${UV_DEFAULT_INDEX-}${UV_INDEX_URL-}" ]; then
    export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
fi
if [ -n "${PIP_EXTRA_INDEX_URL-}" ] && [ -z "${UV_INDEX-}${UV_EXTRA_INDEX_URL-}" ]; then
    export UV_INDEX="$PIP_EXTRA_INDEX_URL" # as pip does: the best version of all indexes; the hashes decide what is taken
    export UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}"
fi
if [ -n "${PIP_CERT-}" ] && [ -z "${SSL_CERT_FILE-}" ]; then
    export SSL_CERT_FILE="$PIP_CERT"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1

has_uv() { "$venv/bin/uv" --version >/dev/null 2>&1; }

with_uv() { "$venv/bin/uv" pip install --quiet --python "$python" "$@"; }

with_pip() { "$python" -m pip install --quiet "$@"; }

install() { # arguments that uv and pip share
    if [ "$installer" = uv ]; then
        with_uv "$@" && return
        say "uv could not install; pip tries the same with the same lock"
        installer=pip
    fi
    with_pip "$@"
}

installer=${CARELOOM_INSTALLER:-uv}
if [ "$installer" = uv ] && ! has_uv; then
    with_pip --require-hashes --no-deps --requirement requirements/uv.lock || true
    has_uv || { say "uv is not to be had here: pip installs from the same lock, which takes longer"; installer=pip; }
fi

if [ "$first" = torch ]; then
    say "installing torch by its own pin"
    install --requirement requirements/torch.txt
fi
say "installing $lock with $installer"
install --require-hashes --no-deps --requirement "$lock"
install --no-deps --no-build-isolation --editable .
