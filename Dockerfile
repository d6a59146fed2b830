FROM denoland/deno:2.9.6

WORKDIR /app
COPY package.json deno.json deno.lock ./
# Without devDependencies, six times the size: "install --prod" alone still installs everything in deno.lock (Deno 2.9.6).
RUN deno eval 'const { devDependencies: _, ...kept } = JSON.parse(Deno.readTextFileSync("package.json")); Deno.writeTextFileSync("package.json", JSON.stringify(kept))' \
  && deno install --prod
COPY src ./src
# Compiles once: a start needs no network and nothing writable; all files belong to root.
RUN deno cache --frozen src/cli/start.ts src/cli/migrate.ts src/main.ts

# The base image's unprivileged user "deno".
USER 1993
ENV HOST=0.0.0.0 LOG_FORMAT=json
EXPOSE 8080 9090
# Replaces itself by the service with exactly the permissions that its configuration needs: one process, which needs no init. Off loopback the service requires
# credentials: AUTH_TOKENS_FILE, AUTH_JWKS_URL or TLS_CLIENT_CA_FILE, or AUTH=none.
ENTRYPOINT ["deno", "run", "-P=start", "--cached-only", "--frozen", "src/cli/start.ts"]
