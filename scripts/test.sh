#!/usr/bin/env bash
# test.sh: what `make test` runs. It brings the real engines up (servers named by
# LOCKSTEP_TEST_*_DSN are kept, else scripts/engines.sh starts private ones and
# stops them at the end), runs the tests of every module of this repository, and
# tells at the end which engines were really used.
#
#   LOCKSTEP_REQUIRE_ENGINES=sqlite,postgres   an engine that is missing fails the run
#   TESTFLAGS="-run Name -count=1"             more flags for go test
set -euo pipefail
cd "$(dirname "$0")/.."

# Packages with goroutines of their own, for the race detector; of the executions
# those tests that run several at once: the others wait for servers, and much longer
# under it.
concurrent='internal/(module|rpc|gateway|app)$'
executions='TestOneRequest|TestAnExecutionWaits|TestABusyTable|TestACaller|TestTenantsShare'

title() { printf '\n==> %s\n' "$*"; }

started=
LOCKSTEP_TEST_ENGINES_LOG=$(mktemp)
export LOCKSTEP_TEST_ENGINES_LOG
finish() {
  rm -f "$LOCKSTEP_TEST_ENGINES_LOG"
  if [[ -n $started ]]; then scripts/engines.sh down; fi
}
trap finish EXIT

title "engines"
if compgen -e | grep -qE '^LOCKSTEP_TEST_(POSTGRES|MYSQL|MARIADB)[0-9]*_DSN$'; then
  echo "the servers named by the environment"
else
  engines=$(scripts/engines.sh env)
  if [[ -z $engines ]]; then
    started=yes
    scripts/engines.sh up || echo "not every server could be started"
    engines=$(scripts/engines.sh env)
  fi
  eval "$engines"
fi
echo "SQLite: built in"

failed=0
flags=()
read -ra flags <<<"${TESTFLAGS:-}"

packages=$(go list ./...)
raced=
if command -v "$(go env CC)" >/dev/null; then
  raced=$(grep -E "$concurrent" <<<"$packages" || true)
else
  echo "no C compiler: the race detector is left out"
fi
plain=$(grep -vxF "${raced:-none}" <<<"$packages")

title "go test"
# shellcheck disable=SC2086 # one package per word
go test -timeout 20m "${flags[@]}" $plain || failed=1
if [[ -n $raced ]]; then
  title "go test -race"
  # shellcheck disable=SC2086 # one package per word
  CGO_ENABLED=1 go test -race -timeout 10m "${flags[@]}" $raced || failed=1
  CGO_ENABLED=1 go test -race -timeout 10m "${flags[@]}" -run "$executions" ./internal/migrate || failed=1
fi

title "go test, against GORM"
(cd internal/gormproof && go test -timeout 10m "${flags[@]}" ./...) || failed=1

title "go test, typed access"
(cd internal/accessproof && go test -timeout 10m "${flags[@]}" ./...) || failed=1

title "example modules"
for mod in entities/*/go.mod entities/*/v*/go.mod; do
  dir=$(dirname "$mod")
  if (cd "$dir" && go vet ./... && go test "${flags[@]}" ./...); then
    echo "ok  	$dir"
  else
    echo "FAIL	$dir"
    failed=1
  fi
done

title "engines used"
sort -u "$LOCKSTEP_TEST_ENGINES_LOG" | awk -F'\t' '
  $1 == "used"    { used = used (used ? ", " : "") $2 }
  $1 == "missing" { missing = missing (missing ? ", " : "") $2 }
  END {
    print "engines used: " (used ? used : "none")
    if (missing) print "NOT USED, NOT TESTED: " missing
  }'

for engine in ${LOCKSTEP_REQUIRE_ENGINES//,/ }; do
  if ! grep -qE "^used	${engine%%[0-9]*}" "$LOCKSTEP_TEST_ENGINES_LOG"; then
    echo "$engine is required, and no test used it"
    failed=1
  fi
done

if ((failed)); then
  echo "FAILED"
  exit 1
fi
