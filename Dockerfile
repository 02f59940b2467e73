# syntax=docker/dockerfile:1

# What is published, made as `npm run build` makes it.
FROM node:26.10.0-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:26.10.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

# The agent and the control plane: `docker run outrigger run`, `docker run outrigger control-plane`.
FROM node:26.10.0-slim AS outrigger
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE.txt ./
COPY bin/outrigger.js bin/
# For `outrigger iptables`, in a pod's init container.
RUN apt-get update && apt-get install -y --no-install-recommends iptables && rm -rf /var/lib/apt/lists/*
USER node
ENTRYPOINT ["node", "bin/outrigger.js"]
CMD ["--help"]
# Of the agent, which answers on its admin port; other commands bring a check of their own.
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --start-interval=1s CMD ["node", "bin/outrigger.js", "status"]

# The programs of the demo, which Node runs as they stand.
FROM node:26.10.0-slim AS demo
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY proto/demo proto/demo
COPY examples examples
USER node
ENTRYPOINT ["node"]
