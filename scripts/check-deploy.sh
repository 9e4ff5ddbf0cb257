#!/usr/bin/env bash
# check-deploy.sh: what can be checked of deploy/ without a cluster or a Docker
# daemon. The parsers that will read the files read them here (tools/deploy), the
# program itself is asked whether it would start with the settings in them, and
# systemd checks its unit where it is installed. LOCKSTEP names the binary.
set -euo pipefail
cd "$(dirname "$0")/.."
LOCKSTEP=${LOCKSTEP:-$PWD/bin/lockstep}
if [[ ! -x $LOCKSTEP ]]; then echo "check-deploy: no binary at $LOCKSTEP; run make build" >&2; exit 1; fi
export LOCKSTEP

(cd tools/deploy && go test ./...)

if command -v systemd-analyze >/dev/null; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # The unit as it stands, with the binary where it is here.
  sed "s|/usr/local/bin/lockstep|$LOCKSTEP|" deploy/systemd/lockstep.service >"$work/lockstep.service"
  systemd-analyze verify --man=no "$work/lockstep.service"
  systemd-analyze security --offline=true --threshold=20 --no-pager "$work/lockstep.service" | tail -n 1
else
  echo "check-deploy: systemd is not installed here; its unit was not verified"
fi
