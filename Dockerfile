FROM denoland/deno:2.9.6

WORKDIR /app
COPY package.json deno.json deno.lock ./
# Without the development's packages, six times the size: "install --prod" alone still takes all that deno.lock names.
# Versions and hashes of the others are deno.lock's.
RUN deno eval 'const { devDependencies: _, ...kept } = JSON.parse(Deno.readTextFileSync("package.json")); Deno.writeTextFileSync("package.json", JSON.stringify(kept))' \
  && deno install --prod
COPY src ./src
# Compiles once. A start needs no network and no place to write: everything here stays root's.
RUN deno cache --frozen src/cli/start.ts src/main.ts

# The image's own unprivileged user "deno".
USER 1993
ENV HOST=0.0.0.0 LOG_FORMAT=json
EXPOSE 8080 9090
# The launcher gives the service the permissions that its configuration needs, and no others. Off loopback the service
# wants credentials: AUTH_TOKENS_FILE, AUTH_JWKS_URL or TLS_CLIENT_CA_FILE, or AUTH=none.
ENTRYPOINT ["deno", "run", "-P=start", "--cached-only", "--frozen", "src/cli/start.ts"]
