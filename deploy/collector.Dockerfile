# The OpenTelemetry Collector, built from the parts its configurations use:
# docker build --file deploy/collector.Dockerfile --tag rhesis-collector deploy/collector

FROM golang:1.25 AS build
RUN go install go.opentelemetry.io/collector/cmd/builder@v0.161.0
WORKDIR /build
COPY builder.yaml ./
RUN CGO_ENABLED=0 builder --config builder.yaml

# The program needs nothing else of a system, so the image has no shell and no other program.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /build/build/rhesis-collector /usr/local/bin/
COPY one-machine.yaml gateway.yaml allow-list.yaml senders.yaml public.yaml /etc/rhesis-collector/
USER 10001
EXPOSE 4317 4318 13133
ENTRYPOINT ["/usr/local/bin/rhesis-collector"]
CMD ["--config", "/etc/rhesis-collector/one-machine.yaml", "--config", "/etc/rhesis-collector/allow-list.yaml"]
