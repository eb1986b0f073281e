#!/bin/sh
# Writes requirements/*.lock from pyproject.toml: every version with its hashes, the same versions in every lock.
# Versions already locked stay unless asked otherwise. Usage: tools/lock.sh [uv options, e.g. --upgrade or --upgrade-package polars]
#
# torch and its companions (CUDA libraries, triton) never enter a lock: they differ between a CPU and a GPU machine,
# and a hash of one build would refuse the other. requirements/torch.txt pins torch alone.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
export UV_CUSTOM_COMPILE_COMMAND="make lock"

compile() { # NAME INPUT... -- CONSTRAINT...
    name=$1
    shift
    echo "requirements/$name.lock" >&2
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --output-file "requirements/$name.lock" "$@" >/dev/null
}

companions() { # the names in a lock that come and go with the build of torch
    sed -nE 's/^((torch|triton|nvidia-|cuda-)[a-z0-9-]*)==.*/\1/p' "$1"
}

compile uv requirements/uv.in "$@"
compile audit requirements/audit.in "$@"
compile base pyproject.toml requirements/build.in --constraint requirements/together.in "$@"
compile dev pyproject.toml requirements/build.in --extra dev --extra docs --extra notebooks --constraint requirements/base.lock "$@"
for extra in azure lab spark; do
    compile "$extra" pyproject.toml requirements/build.in --extra "$extra" --constraint requirements/dev.lock "$@"
done

whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
ml="pyproject.toml requirements/build.in --extra ml --constraint requirements/dev.lock --constraint requirements/torch.txt"
# shellcheck disable=SC2086  # the words of $ml are meant to part
"$uv" pip compile --quiet --universal --python-version 3.11 --output-file "$whole" $ml >/dev/null
left_out=$(companions "$whole" | sed 's/^/--no-emit-package /' | tr '\n' ' ')
# shellcheck disable=SC2086
compile ml $ml $left_out "$@"
compile presidio pyproject.toml requirements/build.in --extra presidio --constraint requirements/dev.lock \
    --constraint requirements/ml.lock "$@"
