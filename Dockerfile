# Gateways, workers and one-off jobs, as one image: the command says which.
#     docker build --tag overnight .
#
# Temporal runs elsewhere, so its own program (156 MB) stays out, and `overnight serve` wants TEMPORAL_ADDRESS.

ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /build
RUN python -m venv /opt/overnight
COPY requirements.lock ./
RUN /opt/overnight/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY activities activities
COPY api api
COPY cli cli
COPY overnight overnight
COPY simulators simulators
COPY workers workers
COPY workflows workflows
RUN /opt/overnight/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/overnight/bin/pip uninstall --yes hatchling pip

FROM python:${PYTHON}
# The folder is made here so that a volume mounted there belongs to whoever runs the image.
RUN groupadd --gid 10001 overnight \
    && useradd --uid 10001 --gid overnight --no-create-home --shell /usr/sbin/nologin overnight \
    && install --directory --owner overnight --group overnight --mode 0700 /var/lib/overnight
COPY --from=build /opt/overnight /opt/overnight
ENV PATH=/opt/overnight/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OVERNIGHT_DATA_DIR=/var/lib/overnight
USER 10001:10001
WORKDIR /var/lib/overnight
EXPOSE 4000
ENTRYPOINT ["overnight"]
CMD ["--help"]
