# GraphiQL's page, so that browsers load nothing from elsewhere.
FROM node:22-slim AS ui
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY ui ./
RUN npm run build

# The locked packages; pip and its cache stay behind.
FROM python:3.11-slim AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home plait
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY LICENSE plait.toml ./
COPY gateway gateway
COPY resolvers resolvers
COPY migrations migrations
COPY --from=ui /src/gateway/transport/static/graphiql gateway/transport/static/graphiql
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PLAIT_SERVE_PRODUCTION=true \
    PLAIT_SERVE_HOST=0.0.0.0 \
    PLAIT_SERVE_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PLAIT_SERVE_PORT'] + '/health/live', timeout=2)"]
ENTRYPOINT ["python", "-m", "gateway.cli"]
CMD ["serve"]
