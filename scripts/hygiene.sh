#!/usr/bin/env bash
# hygiene.sh: the rules that no linter knows. Part of `make lint`.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
complain() { echo "hygiene: $*"; failed=1; }

# Generated code is exempt from the limits on size.
hand_written() {
  git ls-files --cached --others --exclude-standard -- '*.go' | while read -r f; do
    if [[ -f $f ]] && ! head -n 3 "$f" | grep -q 'Code generated .* DO NOT EDIT'; then echo "$f"; fi
  done
}

while read -r f; do
  lines=$(wc -l <"$f")
  if ((lines > 600)); then complain "$f has $lines lines; split it (600 at most, 400 preferred)"; fi
done < <(hand_written)

if [[ -f cmd/lockstep/main.go ]] && (($(wc -l <cmd/lockstep/main.go) > 40)); then
  complain "cmd/lockstep/main.go has more than 40 lines; wiring belongs in internal/app"
fi

# Test harnesses must not reach the binary.
if [[ -f cmd/lockstep/main.go ]]; then
  if linked=$(go list -deps ./cmd/lockstep | grep -E '^testing$|testify|lockstep/internal/(enginetest|faultdb|demo)|dialecttest|lockstep/entities/'); then
    complain "the binary links test code: $linked"
  fi
fi

for f in scripts/*.sh .ci/run; do
  bash -n "$f" || failed=1
done
exit "$failed"
