FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /docusign-auth-proxy ./cmd/docusign-auth-proxy \
 && mkdir /state && chmod 0700 /state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /docusign-auth-proxy /docusign-auth-proxy
COPY --from=build --chown=65532:65532 /state /var/lib/docusign-auth-proxy
USER 65532:65532
WORKDIR /var/lib/docusign-auth-proxy
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/docusign-auth-proxy", "health", "--config", "/etc/docusign-auth-proxy/config.yaml"]
ENTRYPOINT ["/docusign-auth-proxy"]
CMD ["run", "--config", "/etc/docusign-auth-proxy/config.yaml"]
