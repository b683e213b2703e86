# Two stages: one with the compiler, and one with the program, its libraries, and nothing to build with.
FROM debian:bookworm-slim AS build
WORKDIR /awaitd
COPY tests/install-dependencies.sh tests/
RUN tests/install-dependencies.sh build
COPY . .
RUN make

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmicrohttpd12 libjansson4 libuv1 libsqlite3-0 \
        libcurl4 libssl3 zlib1g libjq1 ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --shell /usr/sbin/nologin awaitd \
    && install -d -o awaitd -g awaitd -m 700 /data
COPY --from=build /awaitd/build/awaitd /usr/local/bin/

# Other containers call it by names that it cannot know, and who reaches the port is for the network to say.
ENV AWAITD_LISTEN=0.0.0.0:8080 AWAITD_DB=/data/awaitd.db AWAITD_ALLOW_HOST=*
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${AWAITD_LISTEN##*:} && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
# PID 1 inherits the orphans of all processes that jobs start: tini reaps them, and passes SIGTERM on.
ENTRYPOINT ["tini", "-s", "--", "awaitd"]
CMD ["serve"]
