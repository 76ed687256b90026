#!/bin/sh
# Makes the passwords, keys and database URLs that compose.yaml mounts, into deploy/secrets: sh deploy/generate_secrets.sh
# What is there already stays: run it again after an upgrade, and it makes what is new.
set -eu

folder="${1:-$(dirname "$0")/secrets}"
address="${AGENTTRACE_PG_ADDRESS:-postgres:5432}"

umask 077
mkdir -p "$folder"

# 64 hexadecimal digits: nothing that a URL or a shell would read otherwise.
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Containers read it as another user than yours; the folder lets nobody else on this machine in.
keep() {
  [ -s "$folder/$1" ] || printf '%s' "$2" > "$folder/$1"
  chmod 444 "$folder/$1"
}

for name in postgres owner ingest query maintain grafana; do
  keep "${name}_password" "$(random)"
done
for name in owner ingest query maintain; do
  keep "${name}_database_url" \
    "postgresql://agenttrace_$name:$(cat "$folder/${name}_password")@$address/agenttrace"
done
keep postgres_database_url "postgresql://postgres:$(cat "$folder/postgres_password")@$address/agenttrace"
for name in key_pepper erasure_key page_token_key console_session_key grafana_admin_password; do
  keep "$name" "$(random)"
done
echo "the secrets are in $folder: keep a copy of key_pepper and erasure_key where backups of the database are not"
