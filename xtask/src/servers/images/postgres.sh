#!/bin/sh
# Starts Postgres as the official image does, as far as tests ask for it.
set -eu
data=/var/lib/postgresql/data
user=${POSTGRES_USER:-postgres}
if [ ! -f "$data/PG_VERSION" ]; then
  printf '%s\n' "${POSTGRES_PASSWORD:-}" >/tmp/password
  initdb --pgdata="$data" --username="$user" --encoding=UTF8 --locale=C --auth=trust --no-sync \
    ${POSTGRES_PASSWORD:+--pwfile=/tmp/password}
  database=${POSTGRES_DB:-$user}
  [ "$database" = postgres ] ||
    printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single -D "$data" postgres
  printf 'host all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >"$data/pg_hba.conf"
fi
exec postgres -D "$data" -c "listen_addresses=*" "$@"
