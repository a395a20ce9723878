#!/bin/sh
# Starts MariaDB as the official image of MySQL does, as far as tests ask for it.
set -eu
quoted='' rest=${MYSQL_ROOT_PASSWORD:-}
while [ "$rest" != "${rest#*\'}" ]; do
  quoted="$quoted${rest%%\'*}''"
  rest=${rest#*\'}
done
{
  printf "SET sql_mode='NO_BACKSLASH_ESCAPES';\n"
  printf "CREATE DATABASE IF NOT EXISTS %s;\n" "${MYSQL_DATABASE:-test}"
  printf "CREATE USER IF NOT EXISTS root@'%%' IDENTIFIED BY '%s';\n" "$quoted$rest"
  printf "GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;\n"
} >/tmp/first.sql
exec mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/tmp/socket --pid-file=/tmp/pid \
  --init-file=/tmp/first.sql "$@"
