# The version is that of the npm package "node" in package-lock.json. Inside the image Node is the image's own, so that
# package's install script, which would fetch it once more, is not run; no other dependency needs one.
FROM node:26.10.0-trixie-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM base AS build
RUN npm ci --ignore-scripts
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY projections projections
COPY src src
RUN npm run build

FROM base AS dependencies
RUN npm ci --ignore-scripts --omit=dev

FROM base
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY LICENSE ./
COPY bin bin
COPY scripts scripts
COPY examples examples

# All that is written lies in /data: the root file system may be read-only. It listens to others, so it asks who they are:
# `promoledger api-key` makes the file of keys.
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    PROMOLEDGER_STORE=sqlite:/data/ledger.db \
    PROMOLEDGER_CACHE=/data/eventstoredb \
    PROMOLEDGER_API_KEYS=/data/api-keys.json
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/promoledger.js"]
CMD ["serve"]
