#!/usr/bin/env bash
# bench.sh: what `make bench` runs: all benchmarks, against real engines where
# they need one; with COUNT above 1 (6 tell something), benchstat sums them up.
set -euo pipefail
cd "$(dirname "$0")/.."

started=
finish() { if [[ -n $started ]]; then scripts/engines.sh down; fi; }
trap finish EXIT
if ! compgen -e | grep -q '^LOCKSTEP_TEST_POSTGRES[0-9]*_DSN$'; then
  engines=$(scripts/engines.sh env)
  if [[ -z $engines ]]; then
    started=yes
    scripts/engines.sh up || echo "bench: no PostgreSQL; its benchmarks are left out"
    engines=$(scripts/engines.sh env)
  fi
  eval "$engines"
fi

mkdir -p bin
packages=$(grep -rl --include='*_test.go' '^func Benchmark' internal entities | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
if [[ -z $packages ]]; then
  echo "no benchmarks"
  exit 0
fi
# shellcheck disable=SC2086 # one package per word
go test -run '^$' -bench "${BENCH:-.}" -benchmem -count "${COUNT:-1}" -p 1 -timeout 30m $packages | tee bin/bench.txt
if [[ -x ${BENCHSTAT:-} ]] && ((${COUNT:-1} > 1)); then
  printf '\n==> summary\n'
  "$BENCHSTAT" bin/bench.txt
fi
