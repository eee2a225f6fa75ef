# docker build -t haqa-bench .                                          a replay: no compiler, no model, no GPU
# docker build -t haqa-bench --build-arg EXTRAS=deploy,kernels .        with llama.cpp and OpenCL on the CPU: some minutes
# docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" haqa-bench run llama       results go to the current folder
FROM python:3.11-slim AS built
ARG EXTRAS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN if [ -n "$EXTRAS" ]; then \
        apt-get update && apt-get install -y --no-install-recommends build-essential cmake git && rm -rf /var/lib/apt/lists/*; \
    fi
RUN python -m venv /opt/haqa-bench
ENV PATH="/opt/haqa-bench/bin:$PATH"
COPY requirements.lock /tmp/
RUN pip install -r /tmp/requirements.lock
COPY . /source
# Here not locked: what an extra brings depends on the machine.
RUN pip install "/source${EXTRAS:+[$EXTRAS]}"

FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 openssh-client && rm -rf /var/lib/apt/lists/*
COPY --from=built /opt/haqa-bench /opt/haqa-bench
ENV PATH="/opt/haqa-bench/bin:$PATH" HOME=/tmp
WORKDIR /work
ENTRYPOINT ["haqa-bench"]
CMD ["--help"]
