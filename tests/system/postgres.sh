#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# postgres.sh: a private PostgreSQL cluster for tests, on a Unix socket alone, in a directory of the caller's.
#
#   postgres.sh start DIR      makes it, starts it, prints its URL
#   postgres.sh kill DIR       kills it as a crash would; postgres.sh restart DIR brings it back
#   postgres.sh create DIR NAME  makes a database, prints its URL
#   postgres.sh role DIR NAME PASSWORD  makes a role that must give its password
#   postgres.sh pool DIR [N]   puts a pgbouncer in transaction mode beside it, with N connections a database; prints
#                              the port of its socket in DIR
#   postgres.sh stop DIR       ends both; the directory stays
#   postgres.sh available      exit status 0 if the programs are there
#
# It runs as user "postgres" where the caller is root, so DIR must be reachable for that user. Its durability is
# real for kills (synchronous_commit), not for power cuts (no fsync).
set -eu

programs=''
for try in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
  if [ -x "$try/initdb" ] && [ -x "$try/postgres" ]; then
    programs=$try
    break
  fi
done

command=${1:-}
if [ "$command" = available ]; then
  [ -n "$programs" ]
  exit
fi
[ -n "$programs" ] || { echo 'postgres.sh: PostgreSQL is not installed (Debian package postgresql)' >&2; exit 77; }
[ -n "${2:-}" ] || { sed -n '3,12s/^# *//p' "$0" >&2; exit 2; }
dir=$(realpath -m "$2")
[ "${#dir}" -le 80 ] || { echo "postgres.sh: $dir is too long for the path of a socket" >&2; exit 2; }

# as a user that may run it
as_user() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
  else
    "$@"
  fi
}

# not a zombie that nobody has waited for
alive() {
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

running() {
  pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) && alive "$pid"
}

await_end() {
  while alive "$1"; do sleep 0.02; done
}

launch() {
  cd /
  # nothing of it may hold the caller's pipes open
  (
    exec >>"$dir/log" 2>&1 </dev/null
    as_user "$programs/postgres" -D "$dir/data"
  ) &
  child=$!
  tries=0
  until as_user "$programs/pg_isready" -q -h "$dir" -U daedalus -d postgres; do
    tries=$((tries + 1))
    if [ "$tries" -gt 500 ] || ! alive "$child"; then
      tail -n 20 "$dir/log" >&2
      exit 1
    fi
    sleep 0.02
  done
}

case $command in
start)
  mkdir -p "$dir"
  [ "$(id -u)" != 0 ] || chown postgres "$dir"
  cd /
  as_user "$programs/initdb" -D "$dir/data" -U daedalus -A trust -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions \
    >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
  as_user tee -a "$dir/data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
full_page_writes = off
synchronous_commit = on
shared_buffers = 32MB
max_connections = 60
log_min_messages = warning
END
  launch
  as_user "$programs/createdb" -h "$dir" -U daedalus daedalus
  echo "postgresql://daedalus@/daedalus?host=$dir"
  ;;
create)
  cd /
  as_user "$programs/createdb" -h "$dir" -U daedalus "$3"
  echo "postgresql://daedalus@/$3?host=$dir"
  ;;
role)
  cd /
  as_user "$programs/psql" -q -h "$dir" -U daedalus -d postgres -v name="$3" -v password="$4" <<'END'
CREATE ROLE :"name" SUPERUSER LOGIN PASSWORD :'password';
END
  as_user sed -i "1i local all $3 scram-sha-256" "$dir/data/pg_hba.conf"
  as_user "$programs/psql" -q -h "$dir" -U daedalus -d postgres -c 'SELECT pg_reload_conf ()' >/dev/null
  ;;
restart)
  launch
  ;;
pool)
  command -v pgbouncer >/dev/null || { echo 'postgres.sh: pgbouncer is not installed (Debian package pgbouncer)' >&2; exit 77; }
  as_user tee "$dir/pgbouncer.ini" >/dev/null <<END
[databases]
* = host=$dir port=5432 user=daedalus
[pgbouncer]
pool_mode = transaction
auth_type = any
listen_addr =
listen_port = 6432
unix_socket_dir = $dir
pidfile = $dir/pgbouncer.pid
logfile = $dir/pgbouncer.log
default_pool_size = ${3:-8}
max_client_conn = 500
server_idle_timeout = 5
admin_users = daedalus
END
  cd /
  as_user pgbouncer -q -d "$dir/pgbouncer.ini"
  tries=0
  until [ -S "$dir/.s.PGSQL.6432" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 250 ] || { tail -n 20 "$dir/pgbouncer.log" >&2; exit 1; }
    sleep 0.02
  done
  echo 6432
  ;;
kill)
  if running; then
    children=$(cat "/proc/$pid/task/$pid/children")
    kill -9 "$pid"
    # they notice a moment later and end by themselves
    for one in $pid $children; do await_end "$one"; done
  fi
  ;;
stop)
  if pooler=$(cat "$dir/pgbouncer.pid" 2>/dev/null) && alive "$pooler"; then
    kill -INT "$pooler"
    await_end "$pooler"
  fi
  if running; then
    kill -INT "$pid"
    await_end "$pid"
  fi
  ;;
*)
  sed -n '3,12s/^# *//p' "$0" >&2
  exit 2
  ;;
esac
