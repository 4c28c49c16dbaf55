# syntax=docker/dockerfile:1
# An image that holds Python, masivo-stream, and nothing to build with. See docs/containers.md.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
# --build-arg EXTRAS=[prepare] adds DuckDB, for `masivo-stream prepare`; [cloud] adds object storage; [cloud,prepare] both.
ARG EXTRAS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
# A compiler for the extension that makes validation faster; it stays in this stage.
# Their newest versions, with the distribution's security updates.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
RUN python -m venv /opt/masivo-stream
COPY pyproject.toml setup.py MANIFEST.in constraints.txt README.md LICENSE ./
COPY masivo_stream masivo_stream
RUN /opt/masivo-stream/bin/pip install --constraint constraints.txt ".${EXTRAS}" \
    && /opt/masivo-stream/bin/pip uninstall --yes pip \
    && /opt/masivo-stream/bin/python -m compileall -q /opt/masivo-stream/lib \
    && install -d -m 0700 -o 10001 -g 10001 /volume/state

FROM python:${PYTHON}
COPY --from=build /opt/masivo-stream /opt/masivo-stream
COPY --from=build /volume /
ENV PATH=/opt/masivo-stream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MASIVO_STATE_DIR=/state/run \
    MASIVO_SHARED_DIR=/state/shared \
    MASIVO_MONITOR=127.0.0.1:8080
# A number: Kubernetes can tell that it is not root. Nothing but /state is ever written.
USER 10001:10001
VOLUME ["/state"]
WORKDIR /state
STOPSIGNAL SIGTERM
# Exec form: the program itself is process 1 and gets the signals.
ENTRYPOINT ["masivo-stream"]
CMD ["--help"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-m", "masivo_stream.monitor.health"]
