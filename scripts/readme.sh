#!/usr/bin/env bash
# readme.sh: puts the preview of a real run of the demo into the README, between
# the marks. With "check" it only tells whether the README shows what the demo
# prints, times apart.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out" "$out.new"' EXIT
bash scripts/demo.sh >"$out"
awk -v demo="$out" '
  /^<!-- preview/ {
    print; print "```"
    while ((getline line < demo) > 0) {
      if (line ~ /^[0-9]+\. /) inside = (line ~ /Grey release: preview/)
      if (inside && line ~ /^\$ lockstep preview/) printing = 1
      if (!inside) printing = 0
      if (printing) text = text line "\n"
    }
    sub(/\n+$/, "\n", text)
    printf "%s", text
    print "```"
    skip = 1
    next
  }
  /^<!-- \/preview/ { skip = 0 }
  !skip { print }
' README.md >"$out.new"
if [[ ${1:-} != check ]]; then
  cp "$out.new" README.md
  exit
fi
timeless() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC/(time)/' "$1"; }
if ! diff <(timeless README.md) <(timeless "$out.new"); then
  echo "the README does not show what the demo prints: run make readme" >&2
  exit 1
fi
