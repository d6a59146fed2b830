# Deno's image runs as root unless told otherwise; 1993 is its own unprivileged user "deno".
FROM denoland/deno:2.9.6

WORKDIR /app
COPY package.json deno.json deno.lock ./
COPY src ./src
# Installs what package.json names, as deno.lock has it, and compiles the service once, so that a start needs no network.
RUN deno install --frozen && deno cache --frozen src/start.ts src/main.ts && chown -R deno:deno /app

USER 1993
ENV HOST=0.0.0.0 LOG_FORMAT=json
EXPOSE 8080 9090
# The launcher gives the service the permissions that its configuration needs, and no others. Off loopback the service
# wants credentials: AUTH_TOKENS_FILE, AUTH_JWKS_URL or TLS_CLIENT_CA_FILE, or AUTH=none.
ENTRYPOINT ["deno", "run", "-P=start", "--cached-only", "--frozen", "src/start.ts"]
