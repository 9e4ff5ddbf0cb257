#!/usr/bin/env bash
# engines.sh: private PostgreSQL servers for the tests, from what is installed.
#
#   engines.sh up      start one server per installed major version (on Debian as
#                      root, install PostgreSQL first when there is none)
#   engines.sh env     print "export LOCKSTEP_TEST_..._DSN=..." for those running
#   engines.sh down    stop them and remove their data
#
# Nothing is shared with other servers of the machine: data in a temporary
# directory, a free port on loopback, no durability. What runs is written down in
# .engines/ (one file each), so that `down` stops these and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
state=$PWD/.engines
mkdir -p "$state"

say() { echo "engines: $*" >&2; }

# bin_dirs prints the directories of PostgreSQL's programs, one per installation.
bin_dirs() {
  local dir
  for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
    "$(dirname "$(command -v postgres 2>/dev/null || echo /nowhere/postgres)")"; do
    if [[ -x $dir/postgres && -x $dir/initdb && -x $dir/pg_ctl ]]; then echo "$dir"; fi
  done
}

major_of() { "$1/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'; }

# as_owner runs a command as somebody who may own a server: not as root.
as_owner() {
  if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

install_postgres() {
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then return 1; fi
  say "no PostgreSQL found; installing Debian's"
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } >"$state/install.log" 2>&1; then
    say "installing failed:"
    tail -n 5 "$state/install.log" >&2
    return 1
  fi
}

running() { # FILE: the server written down there is alive
  local data pid
  data=$(sed -n 's/^data=//p' "$1")
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

start() { # BIN_DIR
  local bin=$1 name data port
  name=postgres$(major_of "$bin")
  if [[ -f $state/$name ]]; then
    if running "$state/$name"; then return; fi
    stop "$name"
  fi
  if ((EUID == 0)) && ! id postgres >/dev/null 2>&1; then
    useradd --system --shell /usr/sbin/nologin postgres
  fi
  data=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-$name.XXXXXX")
  if ((EUID == 0)); then chown postgres "$data"; fi
  port=$(free_port)
  (
    cd "$data" # a directory that the owner may enter
    as_owner "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C >/dev/null
    as_owner tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$data'
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
    if ! as_owner "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 start >/dev/null </dev/null; then
      say "$name did not start; the end of its log:"
      tail -n 5 "$data/server.log" >&2
      exit 1
    fi
  ) || { rm -rf "$data"; return 1; }
  printf 'bin=%s\ndata=%s\nport=%s\n' "$bin" "$data" "$port" >"$state/$name"
  say "$name started on port $port"
}

stop() { # NAME
  local bin data
  bin=$(sed -n 's/^bin=//p' "$state/$1")
  data=$(sed -n 's/^data=//p' "$state/$1")
  if running "$state/$1"; then
    (cd "$data" && as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null) || say "$1 did not stop"
    say "$1 stopped"
  fi
  if [[ $data == */lockstep-"$1".* ]]; then rm -rf "$data"; fi
  rm -f "$state/$1"
}

names() {
  local f
  for f in "$state"/postgres*; do
    if [[ -f $f ]]; then basename "$f"; fi
  done
}

up() {
  local dirs=() dir status=0
  mapfile -t dirs < <(bin_dirs)
  if ((${#dirs[@]} == 0)); then
    install_postgres || { say "no PostgreSQL to start"; return 1; }
    mapfile -t dirs < <(bin_dirs)
  fi
  for dir in "${dirs[@]}"; do start "$dir" || status=1; done
  return "$status"
}

env_lines() {
  local name
  for name in $(names); do
    if running "$state/$name"; then
      echo "export LOCKSTEP_TEST_${name^^}_DSN='postgres://postgres@127.0.0.1:$(sed -n 's/^port=//p' "$state/$name")/postgres?sslmode=disable'"
    fi
  done
}

down() {
  local name
  for name in $(names); do stop "$name"; done
}

case ${1:-} in
  up) up ;;
  env) env_lines ;;
  down) down ;;
  *) sed -n '2,11p' "$0" | sed 's/^# \{0,1\}//'; exit 64 ;;
esac
