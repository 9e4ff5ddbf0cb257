#!/usr/bin/env bash
# engines.sh: private PostgreSQL, MariaDB and MySQL servers for the tests, from what
# is installed.
#
#   engines.sh up      start one server per installed major version of PostgreSQL,
#                      one MariaDB and one MySQL (on Debian as root, PostgreSQL and
#                      MariaDB are installed first when they are not there; MySQL,
#                      which Debian does not have, is used where it is found)
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

install() { # PACKAGE
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then return 1; fi
  say "no $1 found; installing Debian's"
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"; } >"$state/install.log" 2>&1; then
    say "installing failed:"
    tail -n 5 "$state/install.log" >&2
    return 1
  fi
}

# server_of prints the program of a MariaDB or MySQL server: each may be installed
# under the other's name.
server_of() { # mariadb|mysql
  local bin found
  for bin in mariadbd mysqld; do
    found=$(PATH=$PATH:/usr/sbin:/usr/local/sbin:/usr/libexec command -v "$bin" 2>/dev/null) || continue
    if "$found" --version 2>/dev/null | grep -qi mariadb; then
      if [[ $1 == mariadb ]]; then echo "$found"; return; fi
    elif [[ $1 == mysql ]]; then echo "$found"; return; fi
  done
  return 1
}

running() { # FILE: the server written down there is alive
  local data pid
  data=$(sed -n 's/^data=//p' "$1")
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || cat "$data/server.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
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

# start_my starts a MariaDB or MySQL server, with root for everybody on loopback.
start_my() { # mariadb|mysql
  local name=$1 bin data port owner
  if [[ -f $state/$name ]]; then
    if running "$state/$name"; then return; fi
    stop "$name"
  fi
  bin=$(server_of "$name") || return 1
  data=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-$name.XXXXXX")
  port=$(free_port)
  owner=$(id -un)
  if ((EUID == 0)); then
    owner=mysql
    id mysql >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin mysql
  fi
  cat >"$data/my.cnf" <<CONF
[mysqld]
user = $owner
datadir = $data/data
socket = $data/server.sock
pid-file = $data/server.pid
port = $port
bind-address = 127.0.0.1
skip-name-resolve
max_connections = 300
innodb_flush_log_at_trx_commit = 0
sync_binlog = 0
character-set-server = utf8mb4
CONF
  printf "CREATE USER root@'127.0.0.1';\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n" >"$data/init.sql"
  if ((EUID == 0)); then chown -R mysql "$data"; fi
  if [[ $name == mariadb ]]; then
    mariadb-install-db --defaults-file="$data/my.cnf" --user="$owner" --datadir="$data/data" --skip-test-db >"$data/install.log" 2>&1 || true
  else
    "$bin" --defaults-file="$data/my.cnf" --initialize-insecure >"$data/install.log" 2>&1 || true
  fi
  setsid "$bin" --defaults-file="$data/my.cnf" --init-file="$data/init.sql" >"$data/server.log" 2>&1 </dev/null &
  printf 'data=%s\nport=%s\n' "$data" "$port" >"$state/$name"
  for _ in {1..120}; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      say "$name started on port $port"
      return
    fi
    sleep 0.5
  done
  say "$name did not start; the end of its log:"
  tail -n 5 "$data/server.log" >&2
  stop "$name"
  return 1
}

stop() { # NAME
  local bin data pid
  bin=$(sed -n 's/^bin=//p' "$state/$1")
  data=$(sed -n 's/^data=//p' "$state/$1")
  if running "$state/$1"; then
    if [[ -n $bin ]]; then
      (cd "$data" && as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null) || say "$1 did not stop"
    else
      pid=$(cat "$data/server.pid")
      kill -KILL "$pid" # nothing of it is kept
      while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    fi
    say "$1 stopped"
  fi
  if [[ $data == */lockstep-"$1".* ]]; then rm -rf "$data"; fi
  rm -f "$state/$1"
}

names() {
  local f
  for f in "$state"/postgres* "$state"/mariadb "$state"/mysql; do
    if [[ -f $f ]]; then basename "$f"; fi
  done
}

up() {
  local dirs=() dir status=0
  mapfile -t dirs < <(bin_dirs)
  if ((${#dirs[@]} == 0)); then
    install postgresql || say "no PostgreSQL to start"
    mapfile -t dirs < <(bin_dirs)
  fi
  if ((${#dirs[@]} == 0)); then status=1; fi
  for dir in "${dirs[@]}"; do start "$dir" || status=1; done
  server_of mariadb >/dev/null || install mariadb-server || say "no MariaDB to start"
  start_my mariadb || status=1
  if server_of mysql >/dev/null; then start_my mysql || status=1; fi
  return "$status"
}

env_lines() {
  local name port
  for name in $(names); do
    if running "$state/$name"; then
      port=$(sed -n 's/^port=//p' "$state/$name")
      case $name in
        postgres*) echo "export LOCKSTEP_TEST_${name^^}_DSN='postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable'" ;;
        *) echo "export LOCKSTEP_TEST_${name^^}_DSN='mysql://root@127.0.0.1:$port/'" ;;
      esac
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
  *) sed -n '2,17p' "$0" | sed 's/^# \{0,1\}//'; exit 64 ;;
esac
