#!/usr/bin/env bash
# A database, a role that owns it and a role that works with it for each service, at the first start of the cluster; nobody
# else may connect to it. Migrations, which are the owner's, grant the other what it needs (docs/decisions/0058).
# SERVICES is a list such as "registry:postgis dispatch"; what follows the colon are extensions, made by the administrator.
set -euo pipefail
admin=(psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER")
for entry in $SERVICES; do
  service=${entry%%:*}
  extensions=${entry#"$service"}
  "${admin[@]}" --dbname postgres --set "name=$service" --set "password=$(cat "/run/secrets/postgres-$service")" \
    --set "worker=${service}_service" --set "workers_password=$(cat "/run/secrets/postgres-${service}_service")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
CREATE ROLE :"worker" LOGIN PASSWORD :'workers_password';
GRANT CONNECT ON DATABASE :"name" TO :"worker";
SQL
  for extension in ${extensions//[:,]/ }; do
    "${admin[@]}" --dbname "$service" --set "extension=$extension" <<<'CREATE EXTENSION IF NOT EXISTS :"extension";'
  done
done
