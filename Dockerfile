FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# Folder by folder: a key or a configuration that lies about in the checkout must not get into the builder's layers.
COPY cmd/ cmd/
COPY config/ config/
COPY deploy/ deploy/
COPY internal/ internal/
COPY proxy/ proxy/
COPY translate/ translate/
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /docusign-auth-proxy ./cmd/docusign-auth-proxy \
 && mkdir /state /documents && chmod 0700 /state /documents

# Nothing but the program and the certificates it trusts: no shell, no package to keep up to date.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /docusign-auth-proxy /docusign-auth-proxy
COPY --from=build --chown=65532:65532 /state /var/lib/docusign-auth-proxy
# Documents of SOAP calls under way, with soap: rest.
COPY --from=build --chown=65532:65532 /documents /tmp
USER 65532:65532
WORKDIR /var/lib/docusign-auth-proxy
# Where the state goes if the configuration says nothing: its own folder is mounted read-only.
ENV STATE_DIRECTORY=/var/lib/docusign-auth-proxy
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/docusign-auth-proxy", "health", "--config", "/etc/docusign-auth-proxy/config.yaml"]
ENTRYPOINT ["/docusign-auth-proxy"]
CMD ["run", "--config", "/etc/docusign-auth-proxy/config.yaml"]
